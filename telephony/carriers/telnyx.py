"""Telnyx media streaming, by `<Connect><Stream>` of TeXML or by call control: PCMU, PCMA or L16 in base64.

Messages: https://developers.telnyx.com/docs/voice/programmable-voice/media-streaming and the description of the socket.
Audio goes both ways as "RTP payloads", without headers, where the stream was ordered with the bidirectional mode rtp.
What comes is in the codec that the start tells; what we send must be in the one that was ordered, PCMU unless told.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from telephony.carriers.json_stream import Dialect, JsonStream, StreamStart
from telephony.carriers.stream_fields import base64_text, fields_of, identifier, plain_texts
from telephony.codec import decode, encode
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, CallStarted, Capabilities, Encoding
from telephony.jsontext import Fields, as_text

CODECS: Final[Mapping[str, Encoding]] = {"PCMU": Encoding.MULAW, "PCMA": Encoding.ALAW, "L16": Encoding.L16}
CODEC_ORDERED: Final = "BidirectionalCodec"
"""The parameter that says in which codec the stream takes what we send, as our own answers order it."""
_RATES: Final = frozenset({8000, 16_000, 24_000})


class TelnyxProtocol(JsonStream):
    """One stream. `told`: what is known of the call before its stream begins."""

    capabilities = Capabilities(audio_out=True, clear=True, mark=True, hangup=True, steady=True, send_ahead_ms=20_000)
    dialect = Dialect("Telnyx", stream_id="stream_id", whole_ms=20, waits_for_order=True)

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._told = told or {}
        self._out = Encoding.MULAW  # what the carrier takes

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """See JsonStream."""
        stream_id = identifier("stream_id", message.get("stream_id", start.get("stream_id")))
        call_id = identifier("call_control_id", start.get("call_control_id", stream_id))
        parameters = {**plain_texts(fields_of(start, "custom_parameters")), **self._told}
        audio = _format(fields_of(start, "media_format"))
        ordered = CODECS.get(parameters.pop(CODEC_ORDERED, "L16" if audio.encoding is Encoding.L16 else "PCMU"))
        if ordered is None or (audio.encoding is Encoding.L16) != (ordered is Encoding.L16):
            raise RemoteProtocolError("unusable start: the stream is L16 in one direction only; order it for both")
        self._out = ordered
        call = CallStarted(
            call_id=call_id,
            format=audio,
            caller=_first(as_text(start.get("from")), parameters, "From"),
            callee=_first(as_text(start.get("to")), parameters, "To"),
            parameters=parameters,
            caller_name=parameters.get("CallerName", ""),
            stir_verstat=parameters.get("StirVerstat", ""),
        )
        return StreamStart(stream_id, call)

    def media(self, payload: bytes) -> Mapping[str, object]:
        """See JsonStream."""
        if self._format.encoding is Encoding.L16:
            payload = _swapped(payload)
        elif self._format.encoding is not self._out:
            payload = encode(decode(payload, self._format.encoding), self._out)
        return {"payload": base64_text(payload)}

    def heard(self, payload: bytes) -> bytes:
        """See JsonStream."""
        return _swapped(payload) if self._format.encoding is Encoding.L16 else payload


def _format(told: Fields) -> AudioFormat:
    """Return the format that a start tells.

    Raises:
        RemoteProtocolError: it is one that we do not speak.
    """
    name, rate = told.get("encoding", "PCMU"), told.get("sample_rate", 8000)
    encoding = CODECS.get(name) if isinstance(name, str) else None
    rates = _RATES if encoding is Encoding.L16 else {8000}
    if encoding is None or not isinstance(rate, int) or rate not in rates or told.get("channels", 1) != 1:
        why = f"media_format is {as_text(told)[:80]}; allowed: PCMU or PCMA at 8000, L16 at 8000, 16000 or 24000, mono"
        raise RemoteProtocolError(f"unusable start: {why}")
    return AudioFormat(encoding, rate)


def _swapped(payload: bytes) -> bytes:
    """Return 16 bit audio in the other byte order: L16 is big-endian (RFC 3551). A byte that is over stays."""
    whole = len(payload) // 2 * 2
    return np.frombuffer(payload[:whole], "<i2").byteswap().tobytes() + payload[whole:]


def _first(told: str, parameters: Mapping[str, str], name: str) -> str:
    return told or parameters.get(name, "")
