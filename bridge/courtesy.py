"""What a call holds besides answers: the greeting, what a silent caller is asked, and the goodbye."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from bot.actions import Action, Hangup
from bot.api import Bot, CallInfo, Say
from bridge.course import within
from bridge.vigil import Manners


class Courtesy:
    """The words of the settings and of the bot, for one call. `limit_s`: the bot must say the next within so long."""

    def __init__(self, bot: Bot, manners: Manners, *, greeting: str, limit_s: float) -> None:
        self._bot, self._manners, self._greeting, self._limit_s = bot, manners, greeting, limit_s

    async def greet(self, call: CallInfo) -> AsyncIterator[str | Action]:
        """Say the greeting: that of the settings instead of the bot's, which gets to know of the call all the same."""
        if self._greeting:
            yield self._greeting
        async with aclosing(within(self._bot.on_call(call), self._limit_s)) as pieces:
            async for piece in pieces:
                if not (self._greeting and isinstance(piece, str)):
                    yield piece

    async def ask(self, count: int) -> AsyncIterator[str | Action]:
        """Ask a caller who has said nothing for the `count`th time."""
        said = False
        async with aclosing(within(self._bot.on_silence(count), self._limit_s)) as pieces:
            async for piece in pieces:
                said = True
                yield piece
        if not said:
            yield Say(self._manners.asking)

    async def part(self, reason: str, *, interruptible: bool) -> AsyncIterator[str | Action]:
        """Say goodbye and hang up."""
        yield Say(self._manners.goodbye, interruptible=interruptible)
        yield Hangup(reason)
