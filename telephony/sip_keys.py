"""Keys that come as INFO (RFC 2976; the bodies are no standard, and every vendor writes them a little differently)."""

from typing import Final

from telephony.events import KEYS

RELAY: Final = "application/dtmf-relay"
"""Signal=5, Duration=160."""
PLAIN: Final = "application/dtmf"
"""The key alone; some write Signal=5 here, too."""
TYPES: Final = frozenset({RELAY, PLAIN})
_NUMBERED: Final = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}
"""By the numbers of RFC 4733, section 3.2."""
_LONGEST: Final = 1024


def key_of(body: bytes) -> str:
    """Return the key that the body of an INFO means, "" where it means none. How long it lasted makes no difference."""
    text = body[:_LONGEST].decode("ascii", errors="replace")
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    signal = next((value for line in lines if (value := _signal(line))), lines[0] if lines else "")
    key = _NUMBERED.get(signal, signal.upper())
    return key if len(key) == 1 and key in KEYS else ""


def _signal(line: str) -> str:
    name, equals, value = line.partition("=")
    return value.strip() if equals and name.strip().lower() == "signal" else ""
