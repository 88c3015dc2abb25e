"""What a wire is: messages in, events out, commands in, messages out.

It does no I/O and owns no clock, so it is tested on literals and replayed from recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from telephony.events import Capabilities, Command, Event


class WireProtocol(Protocol):
    """One wire format, one instance a call."""

    capabilities: Capabilities

    def open(self) -> Sequence[str | bytes]:
        """Return what we say first, before the peer has spoken."""

    def receive(self, message: str | bytes, /) -> Sequence[Event]:
        """Return what `message` means.

        Raises:
            RemoteProtocolError: the call cannot go on; the text is fit for a close frame and a log line.
        """

    def send(self, command: Command, /) -> Sequence[str | bytes]:
        """Return the messages that carry out `command`; none where it has no meaning on this wire.

        Raises:
            LocalProtocolError: `command` asks for what `capabilities` denies, or comes before CallStarted.
        """


@runtime_checkable
class StartsQuietly(Protocol):
    """A wire whose peer may have said what it has to say, and the call has not begun: it takes a guess then."""

    def quiet(self) -> Sequence[Event]:
        """Nothing has come for a moment: return what follows from that."""


@dataclass(frozen=True, slots=True)
class Closing:
    """How a wire ends in its own words."""

    messages: Sequence[str | bytes]
    """What goes before the close frame."""
    code: int = 0
    """Of the close frame, and its reason; 0: as the leg has it."""
    reason: str = ""


@runtime_checkable
class SaysGoodbye(Protocol):
    """A wire that has words of its own for the end of a call."""

    def closing(self, reason: str) -> Closing:
        """Return how a call ends in which nobody was at fault."""
