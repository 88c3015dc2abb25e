"""The pieces of a reply, text and actions, read one by one; an action that failed goes back to whoever yielded it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Final

from bot import plain_hooks
from bot.actions import Action, ActionFailed
from bot.api import Say
from bot.model_markup import ModelMarkup
from bridge.containment import contained
from bridge.timeouts import timeout

log = logging.getLogger(__name__)

Piece = str | Action

LONGEST: Final = 10_000
"""Characters of one piece that are said, ten minutes of speech; a mistake of the bot must not keep the loop busy."""
_BREATH: Final = 100
"""After so many pieces the loop gets a turn: a bot that awaits nothing would keep it."""
_BREATH_S: Final = 0.01


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
            with contained("the bot"):
                return await self._move(failure)
        except StopAsyncIteration:
            return None

    async def _move(self, failure: ActionFailed | None) -> Piece:
        if failure is None:
            return await anext(self._reply)
        if not isinstance(self._reply, AsyncGenerator):
            raise failure
        piece: Piece = await self._reply.athrow(failure)
        return piece

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
    reply: AsyncIterator[Piece] | Generator[Piece, None, None] | Coroutine[None, None, object],
    limit_s: float,
    *,
    begun: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of `reply`, and close it; words or an action must come within `limit_s` of being asked for.

    `begun` is awaited at the first words or action: blanks and a model's thoughts are not heard. An ActionFailed thrown
    in reaches `reply`, whose author may know what to do. A plain generator is read in a thread.

    Raises:
        TimeoutError: nothing to hear came in time.
        TypeError: `reply` is no generator: its author wrote `return` instead of `yield`.
    """
    reply = asynchronous(reply)
    pieces, noticed, count, clock_s = ReplyPieces(reply), _Noticed(), 0, asyncio.get_running_loop().time
    until_s = clock_s() + limit_s
    try:
        while True:
            async with timeout(until_s - clock_s()):
                piece = await pieces.next()
                audible = noticed.by_caller(piece)
                count += 1
                if count % _BREATH == 0:
                    await asyncio.sleep(0 if audible else _BREATH_S)
            if piece is None:
                return
            if begun and audible:
                await begun()
                begun = None
            try:
                yield _bounded(piece)
            except ActionFailed as failed:
                pieces.fail(failed)
            if audible:
                until_s = clock_s() + limit_s
    finally:
        if isinstance(reply, AsyncGenerator):
            async with timeout(limit_s):
                with contained("the bot"):
                    await reply.aclose()


def asynchronous(
    reply: AsyncIterator[Piece] | Generator[Piece, None, None] | Coroutine[None, None, object],
) -> AsyncIterator[Piece]:
    if isinstance(reply, AsyncIterator):
        return reply
    if isinstance(reply, Generator):
        return plain_hooks.pieces(reply)
    reply.close()
    raise TypeError(f"a bot yields what it says (`yield text` in an async def); got {type(reply).__name__}")


class _Noticed:
    """Tells of each piece of a reply whether the caller notices it. Thoughts and marks of a model are not spoken."""

    def __init__(self) -> None:
        self._markup = ModelMarkup()

    def by_caller(self, piece: Piece | None) -> bool:
        """Return True for an action, and for what has a letter or a figure that is spoken; the pieces come in order."""
        if not isinstance(piece, str):
            self._markup = ModelMarkup()
            return True
        whole = isinstance(piece, Say) and not piece.goes_on  # its marks begin and end in it
        markup = ModelMarkup() if whole else self._markup
        spoken = markup.feed(str(piece[:LONGEST]))
        if whole:
            spoken += markup.flush()
            self._markup = ModelMarkup()
        return any(character.isalnum() for character in spoken)


def _bounded(piece: Piece) -> Piece:
    if not isinstance(piece, str) or len(piece) <= LONGEST:
        return piece
    log.error("the bot yielded %d characters in one piece: the first %d are said", len(piece), LONGEST)
    if isinstance(piece, Say):
        return Say(piece[:LONGEST], interruptible=piece.interruptible, expect=piece.expect, digits=piece.digits)
    return piece[:LONGEST]
