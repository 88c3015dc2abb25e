"""Twilio Media Streams: JSON text over a WebSocket, mu-law at 8 kHz in base64.

Messages: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from collections.abc import Sequence
from dataclasses import replace
from reprlib import repr as shown

from telephony.carriers.json_stream import MULAW_8K, Dialect, JsonStream, StreamStart
from telephony.carriers.stream_fields import fields_of, identifier, plain_texts
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallStarted, Capabilities
from telephony.jsontext import Fields, as_text


class TwilioProtocol(JsonStream):
    """One stream of `<Connect><Stream>`."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)
    dialect = Dialect("Twilio", stream_id="streamSid")

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """See JsonStream."""
        if not isinstance(message.get("start"), dict):
            raise RemoteProtocolError("unusable start: field start is no object")
        stream_sid = identifier("streamSid", start.get("streamSid", message.get("streamSid")))
        call_sid = identifier("callSid", start.get("callSid", stream_sid))
        audio = self.format_of(start.get("mediaFormat"))
        parameters = plain_texts(fields_of(start, "customParameters"))
        if account_sid := start.get("accountSid"):
            parameters.setdefault("AccountSid", as_text(account_sid))
        return StreamStart(
            stream_sid, replace(call_of(call_sid, parameters), format=audio), _tracks(start.get("tracks"))
        )

    def format_of(self, told: object) -> AudioFormat:
        """Return the format that a start tells.

        Raises:
            RemoteProtocolError: it is one that we do not speak.
        """
        match told:
            case None | {"encoding": "audio/x-mulaw", "sampleRate": 8000 | "8000"}:
                return MULAW_8K
        raise RemoteProtocolError(f"unusable start: mediaFormat is {shown(told)[:60]}, not audio/x-mulaw at 8000")


def call_of(call_sid: str, parameters: dict[str, str]) -> CallStarted:
    """Return the start of a call of which Twilio's webhook told `parameters`."""
    return CallStarted(
        call_id=call_sid,
        format=MULAW_8K,
        caller=parameters.get("From", ""),
        callee=parameters.get("To", ""),
        parameters=parameters,
        direction="outbound" if parameters.get("Direction", "").startswith("outbound") else "inbound",
        caller_name=parameters.get("CallerName", ""),
        forwarded_from=parameters.get("ForwardedFrom", ""),
        stir_verstat=parameters.get("StirVerstat", ""),
    )


def _tracks(tracks: object) -> Sequence[str]:
    """Return the tracks by the names that media have: where a stream is ordered, Twilio calls them inbound_track."""
    if not isinstance(tracks, list):
        return ()
    return tuple(track.removesuffix("_track") for track in tracks if isinstance(track, str))
