"""The line that a simulated phone calls over: one call on one wire, seen from the caller's side."""

from collections.abc import AsyncIterator
from typing import Protocol

from telephony.events import Clear, Mark, Play, Transcript

Message = str | bytes
Heard = Play | Mark | Clear | Transcript
"""What a phone may be told. `Play` has mu-law at 8 kHz here, whatever the wire carries."""


class PhoneLine(Protocol):
    """One call. The phone speaks and hears mu-law at 8 kHz; the line turns that into what its wire carries."""

    garbage: Message
    """A message that the wire does not understand."""
    steady: bool
    """Whether the server's audio never stops: what it has nothing to say in is silence."""
    close_code: int | None
    """WebSocket close code of the server; None while the call lasts, and where there is none."""

    def media(self, frame: bytes, chunk: int) -> Message:
        """Return the message that carries frame number `chunk`, from 1 on."""

    async def send(self, message: Message) -> None:
        """Send a message of the wire."""

    def receive(self) -> AsyncIterator[Heard]:
        """Yield what the server sends, until it hangs up or the connection breaks."""

    async def played(self, mark: str) -> None:
        """Tell that all audio before `mark` was heard or cleared."""

    async def press(self, digit: str) -> None:
        """Press a key: one of 0-9 * #."""

    async def hang_up(self) -> None:
        """End the call, as a caller does who puts the phone down."""

    async def close(self) -> None:
        """Close the connection, after `hang_up` or without."""

    def abort(self) -> None:
        """Break the connection, without a message."""
