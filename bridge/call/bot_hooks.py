"""Tells a bot what happens on its call. Whatever the bot does with that, the call goes on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVarTuple

from bot.api import Bot, Final, Heard, Partial

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")


class BotHooks:
    """The hooks of one bot that say nothing. Each may take `limit_s`; a fault in one is logged, no more."""

    def __init__(self, bot: Bot, *, tasks: asyncio.TaskGroup, limit_s: float) -> None:
        """`tasks`: those of the call; the hooks run in them."""
        self._bot, self._tasks, self._limit_s = bot, tasks, limit_s
        self._partial: asyncio.Task[None] | None = None
        self._keys = asyncio.Lock()  # keys reach the bot one by one, in order

    def partial(self, partial: Partial) -> None:
        """Tell what the caller seems to be saying, unless the bot is still busy with the partial before."""
        if self._partial is None or self._partial.done():
            self._partial = self._tasks.create_task(self._tell(self._bot.on_partial, partial))

    async def final(self, final: Final) -> None:
        """Tell of a settled utterance."""
        await self._tell(self._bot.on_final, final)

    def interrupted(self, heard: Heard) -> None:
        """Tell what the caller heard before they spoke over the bot."""
        self._tasks.create_task(self._tell(self._bot.on_interrupted, heard))

    async def answered(self, by: str) -> None:
        """Tell who answered a call that we placed."""
        await self._tell(self._bot.on_answered, by)

    def pressed(self, digit: str) -> None:
        """Tell of a key."""
        self._tasks.create_task(self._press(digit))

    async def end(self, reason: str) -> None:
        """Tell that the call is over."""
        await self._tell(self._bot.on_end, reason)

    async def _press(self, digit: str) -> None:
        async with self._keys:
            await self._tell(self._bot.on_dtmf, digit)

    async def _tell(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                await hook(*args)
        except Exception:  # the bot is a plug-in: its fault must not end the call
            log.exception("the bot's %s failed", hook.__name__)
