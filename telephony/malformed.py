"""Messages that break a wire's rules but not the call: each is told, and a peer that sends little else is given up."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from telephony.errors import RemoteProtocolError
from telephony.events import Event, Malformed

MAX_MALFORMED: Final = 100
"""Malformed messages, beyond the good ones, that a call survives."""
MAX_MALFORMED_OF_CLIENTS: Final = 1000
"""The same for the session of a client."""

T = TypeVar("T")


class Refused(Exception):
    """This message is malformed; the text names the field, what it holds and what is allowed."""


class Malformations:
    """Weighs the malformed messages of one call against the good ones: each good one makes up for a malformed one.

    So a peer may send one bad message in two for as long as it likes, and `at_most` bad ones in a row.
    """

    def __init__(self, *, at_most: int) -> None:
        """`at_most`: so many more than the good ones a call survives."""
        self._at_most = at_most
        self._excess = 0  # never below 0: good messages are no credit for later

    def weigh(self, understand: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        """Return what `understand` makes of one message; of one that it refuses, what the call hears of that.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        try:
            events = understand()
        except Refused as why:
            return self.tell(why)
        self.good()
        return events

    def good(self) -> None:
        """Note a message that was understood, or that means nothing and is harmless."""
        if self._excess:
            self._excess -= 1

    def tell(self, why: Refused) -> Sequence[Malformed]:
        """Note a message that was refused; return what the call hears of it.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        self._excess = min(self._excess + 1, self._at_most + 1)
        if self._excess > self._at_most:
            raise RemoteProtocolError(
                f"more than {self._at_most} malformed messages without as many good ones"
            ) from None
        return (Malformed(str(why)),)


def understood_late(messages: Iterable[T], understand: Callable[[T], Sequence[Event]]) -> list[Event]:
    """Return what `messages` mean that came before the start of their call and were kept for it.

    What of it is malformed is told and does not count: it may be of another call.
    """
    events: list[Event] = []
    for message in messages:
        try:
            events += understand(message)
        except Refused as why:
            events.append(Malformed(str(why)))
    return events
