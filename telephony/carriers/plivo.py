"""Plivo's audio streams, and those of Vobiz, which speaks the same: mu-law or 16 bit in base64, by `<Stream>`.

Messages: https://www.plivo.com/docs/voice-agents/audio-streaming/concepts/audio-streaming-reference, and for Vobiz
https://docs.vobiz.ai. Vobiz sends no stop: the end of its socket is the end of the call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from telephony.carriers.json_stream import Dialect, JsonStream, StreamStart
from telephony.carriers.stream_fields import base64_text, fields_of, identifier, plain_texts
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallStarted, Capabilities, Command, Encoding, SendDtmf
from telephony.jsontext import Fields, as_text, json_object
from telephony.malformed import Refused

_ENCODINGS: Final[Mapping[str, Encoding]] = {"audio/x-mulaw": Encoding.MULAW, "audio/x-l16": Encoding.L16}


class PlivoProtocol(JsonStream):
    """One stream. `told`: what is known of the call before its stream begins."""

    capabilities = Capabilities(
        audio_out=True, clear=True, mark=True, hangup=True, dtmf_out=True, steady=True, send_ahead_ms=20_000
    )
    dialect = Dialect(
        "Plivo",
        stream_id="streamId",
        play="playAudio",
        play_in="media",
        mark="checkpoint",
        clear="clearAudio",
        played="playedStream",
    )

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._told = told or {}

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """See JsonStream."""
        if isinstance(command, SendDtmf):
            return [self.message("sendDTMF", dtmf=command.digits)]
        return super().send(command)

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """See JsonStream."""
        stream_id = identifier("streamId", start.get("streamId", message.get("streamId")))
        parameters = {**_extra_headers(message.get("extra_headers")), **self._told}
        call = CallStarted(
            call_id=identifier("callId", start.get("callId", stream_id)),
            format=_format(fields_of(start, "mediaFormat")),
            caller=parameters.get("From", ""),
            callee=parameters.get("To", ""),
            parameters=parameters,
            caller_name=parameters.get("CallerName", ""),
            forwarded_from=parameters.get("ForwardedFrom", ""),
            stir_verstat=parameters.get("STIRVerification", ""),
        )
        return StreamStart(stream_id, call)

    def media(self, payload: bytes) -> Mapping[str, object]:
        """See JsonStream."""
        kind = next(name for name, encoding in _ENCODINGS.items() if encoding is self._format.encoding)
        return {"contentType": kind, "sampleRate": self._format.sample_rate, "payload": base64_text(payload)}

    def mark(self, name: str) -> str:
        """See JsonStream."""
        return self.message(self.dialect.mark, name=name)


class VobizProtocol(PlivoProtocol):
    """The same, of Vobiz."""

    dialect = replace(PlivoProtocol.dialect, carrier="Vobiz")


def _format(told: Fields) -> AudioFormat:
    """Return the format that a start tells.

    Raises:
        RemoteProtocolError: it is one that we do not speak.
    """
    name, rate = told.get("encoding", "audio/x-mulaw"), told.get("sampleRate", 8000)
    encoding = _ENCODINGS.get(name) if isinstance(name, str) else None
    rates = {8000, 16_000} if encoding is Encoding.L16 else {8000}
    if encoding is None or not isinstance(rate, int) or rate not in rates:
        why = f"mediaFormat is {as_text(told)[:80]}; allowed: audio/x-mulaw at 8000, audio/x-l16 at 8000 or 16000"
        raise RemoteProtocolError(f"unusable start: {why}")
    return AudioFormat(encoding, rate)


def _extra_headers(told: object) -> dict[str, str]:
    """Return the parameters of a stream, which come as JSON in a text, or as name=value with commas between."""
    if isinstance(told, dict):
        return plain_texts(told)
    if not isinstance(told, str):
        return {}
    try:
        return plain_texts(json_object(told))
    except Refused:
        pairs = (pair.partition("=") for pair in told[:1024].split(","))
        return {name.strip(): value for name, found, value in pairs if found and name.strip()}
