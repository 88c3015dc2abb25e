"""The lines of carriers besides Twilio, as a simulated phone calls over them: each says what its carrier would."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.commands.phone.binary_lines import GenesysLine, VonageLine
from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.phone.socket_line import MakesLine, SocketLine, WidebandLine
from bridge.commands.phone.twilio_line import TwilioLine
from telephony.codec import decode, encode
from telephony.events import Clear, Encoding, Mark, Play


class TelnyxLine(SocketLine):
    """Telnyx media streaming, in PCMU."""

    stream_id = "stream_id"

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        await self.send(json.dumps({"event": "connected", "version": "1.0.0"}))
        start = {
            "user_id": "00000000-0000-0000-0000-000000000000",
            "call_control_id": self.call_sid,
            "from": parameters.get("From", ""),
            "to": parameters.get("To", ""),
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            "custom_parameters": dict(parameters),
        }
        await self.send(self._message("start", start))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        media = {"track": "inbound", "chunk": str(chunk), "timestamp": str((chunk - 1) * 20)}
        return self._message("media", {**media, "payload": base64.b64encode(frame).decode()})

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        match json.loads(message):
            case {"event": "media", "media": {"payload": str(payload)}}:
                return Play(base64.b64decode(payload))
            case {"event": "mark", "mark": {"name": str(name)}}:
                return Mark(name)
            case {"event": "clear"}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("mark", {"name": mark}))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", {"digit": digit}))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("stop", {"call_control_id": self.call_sid}))

    def _message(self, event: str, about: Mapping[str, Any]) -> str:
        head = {"event": event, "sequence_number": self.next_number(), self.stream_id: f"stream-{self.call_sid}"}
        return json.dumps({**head, event: about})


class PlivoLine(SocketLine):
    """Plivo's audio streams, and those of Vobiz, in mu-law."""

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        start = {
            "callId": self.call_sid,
            "streamId": f"stream-{self.call_sid}",
            "accountId": "0",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000},
        }
        message = {"sequenceNumber": 0, "event": "start", "start": start, "extra_headers": json.dumps(dict(parameters))}
        await self.send(json.dumps(message))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        media = {"track": "inbound", "chunk": chunk, "timestamp": str(1_700_000_000_000 + chunk * 20)}
        return self._message("media", media={**media, "payload": base64.b64encode(frame).decode()})

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        match json.loads(message):
            case {"event": "playAudio", "media": {"payload": str(payload)}}:
                return Play(base64.b64decode(payload))
            case {"event": "checkpoint", "name": str(name)}:
                return Mark(name)
            case {"event": "clearAudio"}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("playedStream", name=mark))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", dtmf={"track": "inbound", "digit": digit}))

    async def hang_up(self) -> None:
        """See PhoneLine: the end of the socket is the end of the call."""

    def _message(self, event: str, **fields: object) -> str:
        return json.dumps({"event": event, "streamId": f"stream-{self.call_sid}", **fields})


class ExotelLine(TelnyxLine):
    """Exotel's Voicebot applet, at 8 kHz."""

    stream_id = "stream_sid"

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        await self.send(json.dumps({"event": "connected"}))
        start = {
            "stream_sid": f"stream-{self.call_sid}",
            "call_sid": self.call_sid,
            "account_sid": "0",
            "from": parameters.get("From", ""),
            "to": parameters.get("To", ""),
            "custom_parameters": dict(parameters),
            "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
        }
        await self.send(self._message("start", start))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        audio = base64.b64encode(encode(decode(frame, Encoding.MULAW), Encoding.L16)).decode()
        return self._message("media", {"chunk": str(chunk), "timestamp": str((chunk - 1) * 20), "payload": audio})

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        heard = super().heard(message)
        if isinstance(heard, Play):
            return Play(encode(decode(heard.payload, Encoding.L16), Encoding.MULAW))
        return heard


class AudioCodesLine(SocketLine):
    """AudioCodes Bot API, at 8 kHz."""

    garbage: Message = '{"type": 7'

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        formats = {"expectAudioMessages": True, "supportedMediaFormats": ["raw/lpcm16_8"]}
        caller = parameters.get("From", "")
        await self.send(self._message("session.initiate", botName="bot", caller=caller, **formats))
        await self.send(self._message("userStream.start"))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        audio = base64.b64encode(encode(decode(frame, Encoding.MULAW), Encoding.L16)).decode()
        return self._message("userStream.chunk", audioChunk=audio)

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        match json.loads(message):
            case {"type": "playStream.chunk", "audioChunk": str(audio)}:
                return Play(encode(decode(base64.b64decode(audio), Encoding.L16), Encoding.MULAW))
            case {"type": "activities", "activities": [{"name": "abortPrompts"}]}:
                return Clear()
        return None

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("activities", activities=[{"type": "event", "name": "dtmf", "value": digit}]))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("session.end", reasonCode="client-side", reason="Client Side"))

    def _message(self, kind: str, **fields: object) -> str:
        return json.dumps({"type": kind, "conversationId": self.call_sid, **fields})


class AzureLine(WidebandLine):
    """Azure's media streaming, at 16 kHz."""

    garbage: Message = '{"kind": 7'

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine; the request that opened the socket has told the parameters."""
        about = {"subscriptionId": f"sub-{self.call_sid}", "encoding": "PCM", "sampleRate": 16_000, "channels": 1}
        await self.send(json.dumps({"kind": "AudioMetadata", "audioMetadata": {**about, "length": 640}}))

    def media(self, frame: bytes, chunk: int) -> str:
        """See PhoneLine."""
        audio = {"timestamp": "2024-11-15T19:16:12.925Z", "participantRawID": None, "silent": False}
        data = base64.b64encode(self.widened(frame)).decode()
        return json.dumps({"kind": "AudioData", "audioData": {**audio, "data": data}})

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        match json.loads(message):
            case {"Kind": "AudioData", "AudioData": {"Data": str(data)}}:
                return self.narrowed(base64.b64decode(data))
            case {"Kind": "StopAudio"}:
                return Clear()
        return None

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(json.dumps({"kind": "DtmfData", "dtmfData": {"data": digit}}))

    async def hang_up(self) -> None:
        """See PhoneLine: the end of the socket is the end of the call."""


@dataclass(frozen=True, slots=True)
class CarrierWire:
    """How the phone calls as one carrier."""

    path: str
    """Where a server answers it."""
    line: MakesLine
    id_header: str = ""
    """Header of the request that opens the socket, with the id of the call; parameters are in its query then."""

    def headers(self, call_sid: str) -> Mapping[str, str]:
        """Return the headers of that request by which the carrier names the call."""
        return {self.id_header: call_sid} if self.id_header else {}


CALLED_AS: Final[Mapping[str, CarrierWire]] = {
    "twilio": CarrierWire("/twilio/stream", TwilioLine),
    "telnyx": CarrierWire("/telnyx/stream", TelnyxLine),
    "plivo": CarrierWire("/plivo/stream", PlivoLine),
    "vobiz": CarrierWire("/vobiz/stream", PlivoLine),
    "signalwire": CarrierWire("/signalwire/stream", TwilioLine),
    "2600hz": CarrierWire("/2600hz/stream", TwilioLine),
    "exotel": CarrierWire("/exotel/stream", ExotelLine),
    "azure": CarrierWire("/azure/stream", AzureLine, id_header="x-ms-call-connection-id"),
    "audiocodes": CarrierWire("/audiocodes", AudioCodesLine),
    "genesys": CarrierWire("/genesys/stream", GenesysLine),
    "vonage": CarrierWire("/vonage/stream", VonageLine),
}
"""By the names of `bridge call --wire`."""
