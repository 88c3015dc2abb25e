"""Faults of a caller's line, applied message by message. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

_JITTER_FRAMES: Final = 10
_GAP_FRAMES: Final = 20
_MALFORMED_FRAMES: Final = 25


class Fault(StrEnum):
    """A fault of a caller's line."""

    NONE = "none"
    JITTER = "jitter"  # ten frames arrive together, every 200 ms
    GAPS = "gaps"  # every twentieth frame is lost
    MALFORMED = "malformed"  # twice a second a message is garbage
    ABRUPT = "abrupt"  # the connection breaks in the middle of the first utterance
    NO_STOP = "no-stop"  # the caller is gone, but no stop is sent and the socket stays open


class LineFaults:
    """Carries the media messages of one call over a line with one fault."""

    def __init__(self, fault: Fault, *, garbage: str | bytes) -> None:
        """`garbage`: what a malformed message is on this wire."""
        self._fault, self._garbage = fault, garbage
        self._held: list[str | bytes] = []  # what jitter keeps back

    def carry(self, message: str | bytes, *, chunk: int) -> Sequence[str | bytes]:
        """Return the messages that arrive when frame number `chunk`, from 1 on, is sent as `message`."""
        match self._fault:
            case Fault.JITTER:
                self._held.append(message)
                if chunk % _JITTER_FRAMES:
                    return ()
                arrived, self._held = self._held, []
                return arrived
            case Fault.GAPS if chunk % _GAP_FRAMES == 0:
                return ()
            case Fault.MALFORMED if chunk % _MALFORMED_FRAMES == 0:
                return (self._garbage, message)
            case _:
                return (message,)
