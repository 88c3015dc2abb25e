"""Messages that break a wire's rules but not the call: each is told, and too many end it."""

from collections.abc import Sequence

from telephony.errors import RemoteProtocolError
from telephony.events import Malformed


class Refused(Exception):
    """This message is malformed; the text names the field, what it holds and what is allowed."""


class Malformations:
    """Counts the malformed messages of one call."""

    def __init__(self, *, at_most: int) -> None:
        """`at_most`: so many a call survives."""
        self._at_most = at_most
        self._count = 0

    def tell(self, why: Refused) -> Sequence[Malformed]:
        """Count a message that was refused; return what the call hears of it.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        self._count += 1
        if self._count > self._at_most:
            raise RemoteProtocolError(f"more than {self._at_most} malformed messages") from None
        return (Malformed(str(why)),)
