"""Twilio's media streams as others speak them: the same messages, with differences that are data here.

SignalWire: https://developer.signalwire.com/compatibility-api/cxml/voice/stream/. 2600Hz Pivot:
https://docs.2600hz.com/developers/pivot/streams/pivot-stream-web-socket-messages; its audio is 16 bit unless told.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from telephony.carriers.json_stream import StreamStart
from telephony.errors import RemoteProtocolError
from telephony.events import AudioFormat, Encoding
from telephony.jsontext import Fields, as_text
from telephony.twilio import TwilioProtocol, call_of

_RATES: Final = frozenset({8000, 16_000, 24_000})
_ENCODINGS: Final[Mapping[str, Encoding]] = {
    "audio/x-mulaw": Encoding.MULAW,
    "audio/x-l16": Encoding.L16,
    "audio/l16": Encoding.L16,
}


class SignalWireProtocol(TwilioProtocol):
    """One stream of SignalWire's `<Connect><Stream>`. `told`: what is known of the call before its stream begins."""

    dialect = replace(TwilioProtocol.dialect, carrier="SignalWire")

    def __init__(self, told: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._told = told or {}

    def begun(self, start: Fields, message: Fields) -> StreamStart:
        """See JsonStream."""
        begun = super().begun(start, message)
        call = call_of(begun.call.call_id, {**begun.call.parameters, **self._told})
        return replace(begun, call=replace(call, format=begun.call.format))

    def format_of(self, told: object) -> AudioFormat:
        """See TwilioProtocol: 16 bit is spoken, too."""
        if not isinstance(told, dict):
            return super().format_of(told)
        name, rate = as_text(told.get("encoding")).lower(), as_text(told.get("sampleRate"))
        encoding = _ENCODINGS.get(name)
        if encoding is Encoding.L16 and rate.isdigit() and len(rate) < 6 and int(rate) in _RATES:
            return AudioFormat(Encoding.L16, int(rate))
        if encoding is Encoding.L16:
            shown = as_text(told)[:60]
            raise RemoteProtocolError(f"unusable start: mediaFormat is {shown}; allowed: 8000, 16000, 24000")
        return super().format_of(told)


class PivotProtocol(SignalWireProtocol):
    """One stream of 2600Hz's Pivot."""

    dialect = replace(TwilioProtocol.dialect, carrier="2600Hz Pivot")
