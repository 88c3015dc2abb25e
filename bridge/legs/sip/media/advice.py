"""What an operator can do about the lines in which the stack speaks of addresses to itself. Pure."""

from collections.abc import Mapping
from typing import Final

_ADVICE: Final[Mapping[str, str]] = {
    "no laddr for": "a call is refused with status 500: no address of this machine reaches the one in its SDP; look at "
    "the routes, and at --sip-host",
    "address family": "a call is refused with status 488: its SDP speaks IPv6 and --sip-host IPv4, or the other way "
    "round",
}


def explained(line: str) -> str:
    """Return `line`, and what to do about it where we know."""
    told = next((advice for sign, advice in _ADVICE.items() if sign in line), "")
    return f"{line.rstrip()} ({told})" if told else line
