"""The caller's side as I/O: an async iterator of events and `send(command)`. The wire's rules are in telephony/."""

from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from typing import Protocol, Self

from telephony.events import (
    CallStarted,
    Capabilities,
    Command,
    Event,
)


class LegLost(Exception):
    """What carried the call broke on our side, not the caller's; the text says what."""


class HangupCause(Enum):
    """Why we hang up. Each leg says it in the words of its wire, as far as the wire has any."""

    NORMAL = auto()
    """The call is over."""
    GOING_AWAY = auto()
    """The server shuts down."""
    PROTOCOL_ERROR = auto()
    """The peer broke the rules of its wire."""
    INTERNAL_ERROR = auto()
    """A fault of ours."""


class Leg(Protocol):
    """The caller's side of one call."""

    capabilities: Capabilities

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield what the peer tells; the last event is CallEnded.

        Raises:
            RemoteProtocolError: the peer broke its protocol beyond repair.
            LegLost: what carries the call broke on our side.
        """

    async def send(self, command: Command, /) -> None:
        """Carry out `command`; does nothing once the peer is gone. A peer that stops reading is gone."""


class OpeningLeg(Leg, Protocol):
    """A leg whose call has yet to begin, and that may go silent.

    It is a context manager: what runs beside the call runs inside the `async with`, and no longer.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer is ready.

        Raises:
            RemoteProtocolError: it did not get ready in time, or hung up.
        """

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the peer has said nothing for too long; return what ends the watch."""

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up. The peer is told `reason`, in plain words, and `cause` where the wire can."""
