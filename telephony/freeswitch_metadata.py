"""The metadata of FreeSWITCH's media sockets: what they tell of a call, and how its rate is guessed without them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from reprlib import repr as shown
from typing import Final

from telephony.errors import RemoteProtocolError
from telephony.events import Encoding
from telephony.jsontext import Fields

RATES: Final = (8000, 16_000, 24_000, 32_000, 48_000, 64_000)
"""Sample rates, hertz."""
CALL_IDS: Final = ("callSid", "call_sid", "callId", "uuid")
CALLERS: Final = ("from", "caller")
CALLEES: Final = ("to", "callee")
CALLER_NAMES: Final = ("callerName", "caller_name")
"""Fields of the metadata, the first that there is counts."""
_RATE_FIELDS: Final = ("sampleRate", "sample_rate")
_USUAL_RATE: Final = 8000
_MAX_PARAMETERS: Final = 50


def told_rate(metadata: Fields) -> int:
    """Return the sample rate that the metadata tell, as a number or as text; 0 where they tell none.

    Raises:
        RemoteProtocolError: it is no rate of these sockets.
    """
    told = next((metadata[name] for name in _RATE_FIELDS if metadata.get(name) is not None), None)
    if told is None:
        return 0
    try:
        number = float(told) if isinstance(told, str | int | float) and not isinstance(told, bool) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if number not in RATES:
        raise RemoteProtocolError(f"unusable metadata: sampleRate is {shown(told)}; allowed: {RATES}")
    return int(number)


def likely_rate(early: Sequence[str | bytes]) -> tuple[int, str]:
    """Return the rate at which the commonest of the `early` packets are 20 ms, else the usual one; and what says so."""
    lengths = Counter(len(message) for message in early if isinstance(message, bytes))
    if not lengths:
        return _USUAL_RATE, "custom"
    length = lengths.most_common(1)[0][0]
    rate = next((rate for rate in RATES if length == rate // 50 * Encoding.L16.sample_bytes), 0)
    return (rate, f"packets of {length} bytes") if rate else (_USUAL_RATE, f"custom, as packets have {length} bytes")


def refuse_stereo(metadata: Fields) -> None:
    if metadata.get("mixType") == "stereo":
        raise RemoteProtocolError(
            "unusable metadata: mixType is 'stereo'; allowed: 'mono', so that the caller is heard"
        )


def plain_values(metadata: Fields) -> dict[str, str]:
    """Return what in the metadata is a plain value; they may hold a whole request."""
    plain = {name: str(value) for name, value in metadata.items() if isinstance(value, str | int | float | bool)}
    return dict(list(plain.items())[:_MAX_PARAMETERS])


def first_of(parameters: Mapping[str, str], names: Sequence[str]) -> str:
    return next((parameters[name] for name in names if parameters.get(name)), "")
