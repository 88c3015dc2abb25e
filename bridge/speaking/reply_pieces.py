"""The pieces of a reply, text and actions, read one by one; an action that failed goes back to whoever yielded it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine

from bot.actions import Action, ActionFailed

Piece = str | Action


class ReplyPieces:
    """Reads the pieces of one reply. Does not close it."""

    def __init__(self, reply: AsyncIterator[Piece]) -> None:
        self._reply = reply
        self._failure: ActionFailed | None = None
        self.action: Action | None = None
        """Where the newest `texts` ended; None at the end of the reply, and where they were not read to their end."""

    async def next(self) -> Piece | None:
        """Return the next piece, None where there are no more.

        Raises:
            ActionFailed: the one told to `fail`, where the reply was not prepared for it.
            whatever the reply raises.
        """
        failure, self._failure = self._failure, None
        try:
            if failure is None:
                return await anext(self._reply)
            if not isinstance(self._reply, AsyncGenerator):
                raise failure
            piece: Piece = await self._reply.athrow(failure)
            return piece
        except StopAsyncIteration:
            return None

    def fail(self, failure: ActionFailed) -> None:
        """The newest piece, an action, did not happen: `next` raises that in the reply, where it yielded the action."""
        self._failure = failure

    def texts(self) -> AsyncGenerator[str, None]:
        """Return the text up to the next action, which is `action` once that was reached."""
        self.action = None
        return self._texts()

    async def _texts(self) -> AsyncGenerator[str, None]:
        while isinstance(piece := await self.next(), str):
            yield piece
        self.action = piece


async def each_within(
    reply: AsyncIterator[Piece] | Coroutine[None, None, object],
    limit_s: float,
    *,
    begun: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of `reply`, and close it; each must come within `limit_s` of being asked for.

    `begun` is awaited at the first. An ActionFailed thrown in reaches `reply`, whose author may know what to do.

    Raises:
        TimeoutError: a piece did not come in time.
        TypeError: `reply` is no async generator: its author wrote `return` instead of `yield`.
    """
    if not isinstance(reply, AsyncIterator):
        reply.close()
        raise TypeError(f"a bot yields what it says (`yield text` in an async def); got {type(reply).__name__}")
    pieces = ReplyPieces(reply)
    try:
        while True:
            async with asyncio.timeout(limit_s):
                piece = await pieces.next()
            if piece is None:
                return
            if begun:
                await begun()
                begun = None
            try:
                yield piece
            except ActionFailed as failed:
                pieces.fail(failed)
    finally:
        if isinstance(reply, AsyncGenerator):
            async with asyncio.timeout(limit_s):
                await reply.aclose()
