"""The lines of carriers besides Twilio, as a simulated phone calls over them: each says what its carrier would."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message, PhoneLine, TwilioLine, break_off
from bridge.speech.resample import make_resampler
from telephony.codec import decode, encode
from telephony.events import Clear, Encoding, Mark, Play


class MakesLine(Protocol):
    """The class of a line."""

    def __call__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> "CallingLine":
        """Return a line over `wire`; `call_sid`: the id of its call."""


class CallingLine(PhoneLine, Protocol):
    """A line on which a call can be announced."""

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """Announce the call. `parameters`: what the carrier tells of it."""


class SocketLine:
    """What lines over a WebSocket share."""

    garbage: Message = '{"event": "media", "media": {"payload": "%%%"}}'
    steady = False

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        self.socket, self.call_sid = wire, call_sid
        self.close_code: int | None = None
        self._sequence = 0

    async def send(self, message: Message) -> None:
        """See PhoneLine."""
        await (self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async for message in self.socket:
            heard = self.heard(message.data)
            if heard is not None:
                yield heard
        self.close_code = self.socket.close_code

    def heard(self, message: Message) -> Heard | None:
        """Return what a message of the server means, None for nothing."""
        raise NotImplementedError

    async def close(self) -> None:
        """See PhoneLine."""
        await self.socket.close()

    def abort(self) -> None:
        """See PhoneLine."""
        break_off(self.socket.get_extra_info("socket"))

    def next_number(self) -> str:
        """Return the number of the next message, as text."""
        self._sequence += 1
        return str(self._sequence)


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


class GenesysLine(SocketLine):
    """Genesys AudioHook."""

    garbage: Message = '{"type": 7'

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        about = {
            "organizationId": "00000000-0000-0000-0000-000000000001",
            "conversationId": self.call_sid,
            "participant": {
                "id": "1",
                "ani": parameters.get("From", ""),
                "aniName": "",
                "dnis": parameters.get("To", ""),
            },
            "media": [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}],
            "inputVariables": dict(parameters),
        }
        await self.send(self._message("open", about))

    def media(self, frame: bytes, chunk: int) -> bytes:
        """See PhoneLine."""
        return frame

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        if isinstance(message, bytes):
            return Play(message)
        match json.loads(message):
            case {"type": "event", "parameters": {"entities": [{"type": "barge_in"}]}}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine: there are no marks."""

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(self._message("dtmf", {"digit": digit}))

    async def hang_up(self) -> None:
        """See PhoneLine."""
        await self.send(self._message("close", {"reason": "end"}))

    def _message(self, kind: str, about: Mapping[str, Any]) -> str:
        head = {"version": "2", "id": f"session-{self.call_sid}", "type": kind, "seq": int(self.next_number())}
        return json.dumps({**head, "serverseq": 0, "position": "PT0S", "parameters": about})


class VonageLine(SocketLine):
    """Vonage's WebSocket endpoint, at 16 kHz."""

    garbage: Message = '{"event": 7'

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        super().__init__(wire, call_sid=call_sid)
        self._up, self._down = make_resampler(8000, 16_000), make_resampler(16_000, 8000)

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """See CallingLine."""
        head = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}
        await self.send(json.dumps({**head, "CallSid": self.call_sid, **parameters}))

    def media(self, frame: bytes, chunk: int) -> bytes:
        """See PhoneLine."""
        return encode(self._up(decode(frame, Encoding.MULAW)), Encoding.L16)

    def heard(self, message: Message) -> Heard | None:
        """See SocketLine."""
        if isinstance(message, bytes):
            return Play(encode(self._down(decode(message, Encoding.L16)), Encoding.MULAW))
        match json.loads(message):
            case {"action": "notify", "payload": {"name": str(name)}}:
                return Mark(name)
            case {"action": "clear"}:
                return Clear()
        return None

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.send(json.dumps({"event": "websocket:notify", "payload": {"name": mark}}))

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.send(json.dumps({"event": "websocket:dtmf", "digit": digit, "duration": 260}))

    async def hang_up(self) -> None:
        """See PhoneLine: the end of the socket is the end of the call."""


@dataclass(frozen=True, slots=True)
class CarrierWire:
    """How the phone calls as one carrier."""

    path: str
    """Where a server answers it."""
    line: MakesLine


CALLED_AS: Final[Mapping[str, CarrierWire]] = {
    "twilio": CarrierWire("/twilio/stream", TwilioLine),
    "telnyx": CarrierWire("/telnyx/stream", TelnyxLine),
    "plivo": CarrierWire("/plivo/stream", PlivoLine),
    "vobiz": CarrierWire("/vobiz/stream", PlivoLine),
    "signalwire": CarrierWire("/signalwire/stream", TwilioLine),
    "2600hz": CarrierWire("/2600hz/stream", TwilioLine),
    "exotel": CarrierWire("/exotel/stream", ExotelLine),
    "genesys": CarrierWire("/genesys/stream", GenesysLine),
    "vonage": CarrierWire("/vonage/stream", VonageLine),
}
"""By the names of `bridge call --wire`."""
