"""Tells a bot what happens on its call. Whatever the bot does with that, the call goes on."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVarTuple

from bot import plain_hooks
from bot.api import Bot, Final, Heard, Partial, Speaker
from bridge.containment import contained
from bridge.timeouts import timeout

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")

_MOST_WAITING = 100
"""Keys and interruptions that a bot may still have to take: of a bot that is too slow the next ones are dropped."""


class BotHooks:
    """The hooks of one bot that say nothing. Each may take `limit_s`; a fault in one is logged, no more."""

    def __init__(self, bot: Bot, *, tasks: asyncio.TaskGroup, limit_s: float) -> None:
        """`tasks`: those of the call; the hooks run in them."""
        self._bot, self._tasks, self._limit_s = bot, tasks, limit_s
        self._partial: asyncio.Task[None] | None = None
        self._keys = asyncio.Lock()  # keys reach the bot one by one, in order
        self._waiting: set[asyncio.Task[None]] = set()

    def partial(self, partial: Partial) -> None:
        """Tell what the caller seems to be saying, unless the bot is still busy with the partial before."""
        if self._partial is None or self._partial.done():
            self._partial = self._tasks.create_task(self._tell(self._bot.on_partial, partial))

    async def final(self, final: Final) -> None:
        """Tell of a settled utterance."""
        await self._tell(self._bot.on_final, final)

    def interrupted(self, heard: Heard) -> None:
        """Tell what the caller heard before they spoke over the bot."""
        self._queue(self._tell(self._bot.on_interrupted, heard))

    def played(self, text: str) -> None:
        """Tell what the caller has heard."""
        self._queue(self._tell(self._bot.on_played, text))

    def speaking(self, speaker: Speaker, speaking: bool) -> None:
        """Tell that one side begins or ends to speak."""
        self._queue(self._tell(self._bot.on_speaking, speaker, speaking))

    async def answered(self, by: str) -> None:
        """Tell who answered a call that we placed."""
        await self._tell(self._bot.on_answered, by)

    def pressed(self, digit: str) -> None:
        """Tell of a key."""
        self._queue(self._press(digit))

    def drain(self) -> None:
        """Tell that the server will end."""
        self._tasks.create_task(self._tell(self._bot.on_drain))

    async def end(self, reason: str) -> None:
        """Tell that the call is over."""
        await self._tell(self._bot.on_end, reason)

    def _queue(self, telling: Coroutine[None, None, None]) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            telling.close()
            log.warning("the bot is not told: it has not taken the last %d keys and interruptions", _MOST_WAITING)
            return
        task = self._tasks.create_task(telling)
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _press(self, digit: str) -> None:
        async with self._keys:
            await self._tell(self._bot.on_dtmf, digit)

    async def _tell(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        try:
            async with timeout(self._limit_s):
                with contained("the bot"):
                    await plain_hooks.call(hook, *args)
        except Exception:  # the bot is a plug-in: its fault must not end the call
            log.exception("the bot's %s failed", hook.__name__)
