"""The caller's side as I/O: an async iterator of events and `send(command)`. The wire's rules are in telephony/."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from aiohttp import WSCloseCode

from telephony.events import (
    CallStarted,
    Capabilities,
    Command,
    Event,
)


class LegLost(Exception):
    """What carried the call broke on our side, not the caller's; the text says what."""


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

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """Hang up, telling why where the wire can."""


class OpeningLeg(Leg, Protocol):
    """A leg whose call has yet to begin, and that may go silent."""

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer is ready.

        Raises:
            RemoteProtocolError: it did not get ready in time, or hung up.
        """

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the peer has said nothing for too long; return what ends the watch."""
