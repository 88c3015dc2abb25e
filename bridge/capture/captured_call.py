"""A call, of which is kept what others have done to it, and how it ended."""

from typing import Protocol

from bot.actions import Transfer
from bridge.capture.call_capture import CallCapture
from bridge.capture.notation import piece_line


class CarriedCall(Protocol):
    """A call, as those have it who carry it, end it, or put something in."""

    @property
    def stopped(self) -> str:
        """Why we ended it, where we did."""

    async def run(self) -> str:
        """Carry it from start to end; return why it ended."""

    def stop(self, reason: str) -> None:
        """End it now; its finals are still sent."""

    def finish(self, reason: str) -> None:
        """End it once the bot has said goodbye."""

    def drain(self) -> None:
        """Tell the bot that the server will end."""

    def put_in(self, piece: str | Transfer) -> None:
        """Say or do `piece`, instead of what is being said."""


class CapturedCall:
    """`call`, with `capture` beside it. What the bot does to its own call is no order."""

    def __init__(self, call: CarriedCall, capture: CallCapture) -> None:
        self._call, self._capture = call, capture

    @property
    def stopped(self) -> str:
        return self._call.stopped

    async def run(self) -> str:
        """See CarriedCall."""
        reason = "it failed"
        try:
            reason = await self._call.run()
        except Exception as error:  # it is kept on its way to whoever it is for
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            self._capture.event("ended", reason=reason)
            self._capture.close()
        return reason

    def stop(self, reason: str) -> None:
        """See CarriedCall."""
        self._capture.note("order", {"order": "stop", "reason": reason})
        self._call.stop(reason)

    def finish(self, reason: str) -> None:
        """See CarriedCall."""
        self._capture.note("order", {"order": "finish", "reason": reason})
        self._call.finish(reason)

    def drain(self) -> None:
        """See CarriedCall."""
        self._capture.note("order", {"order": "drain"})
        self._call.drain()

    def put_in(self, piece: str | Transfer) -> None:
        """See CarriedCall."""
        self._capture.note("order", {"order": "put_in", **piece_line(piece)})
        self._call.put_in(piece)
