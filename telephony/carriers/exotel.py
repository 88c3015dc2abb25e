"""Exotel's Voicebot applet and ExoML's `<StartStream>`: Twilio's shape in snake_case, 16 bit or mu-law in base64.

Messages: https://developer.exotel.com/docs/agentstream/websocket-protocol. Numbers come as texts. What is sent back
must be multiples of 320 bytes.
"""

from collections.abc import Mapping
from typing import Final

from telephony.carriers.json_stream import Dialect, JsonStream, StreamStart
from telephony.carriers.stream_fields import fields_of, identifier, plain_texts
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallStarted, Capabilities, Encoding
from telephony.jsontext import Fields, as_text

_RATES: Final = frozenset({"8000", "16000", "24000"})


class ExotelProtocol(JsonStream):
    """One stream. `told`: what is known of the call before its stream begins."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)
    dialect = Dialect("Exotel", stream_id="stream_sid", whole_ms=20)

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._told = told or {}

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """See JsonStream."""
        stream_id = identifier("stream_sid", start.get("stream_sid", message.get("stream_sid")))
        parameters = {**plain_texts(fields_of(start, "custom_parameters")), **self._told}
        call = CallStarted(
            call_id=identifier("call_sid", start.get("call_sid", stream_id)),
            format=_format(fields_of(start, "media_format")),
            caller=as_text(start.get("from")) or parameters.get("From", ""),
            callee=as_text(start.get("to")) or parameters.get("To", ""),
            parameters=parameters,
        )
        return StreamStart(stream_id, call)


def _format(told: Fields) -> AudioFormat:
    """Return the format that a start tells.

    Raises:
        RemoteProtocolError: it is one that we do not speak.
    """
    name, rate = as_text(told.get("encoding", "audio/x-raw")), as_text(told.get("sample_rate", "8000"))
    if "mulaw" in name and rate == "8000":
        return AudioFormat(Encoding.MULAW, 8000)
    if "mulaw" in name or rate not in _RATES or as_text(told.get("bit_rate", "16")) not in {"16", "128000", "128kbps"}:
        why = f"media_format is {as_text(told)[:80]}; allowed: 16 bit at 8000, 16000 or 24000, audio/x-mulaw at 8000"
        raise RemoteProtocolError(f"unusable start: {why}")
    return AudioFormat(Encoding.L16, int(rate))
