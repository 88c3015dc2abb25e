"""What the bot says, one reply at a time. Each is a task of its own, so that a barge-in is its cancellation."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable
from typing import TypeVarTuple

from bot.actions import Action
from bot.api import Samples
from bridge.course import Course, filler, within
from bridge.endpointing import Expected
from bridge.expectation import Expectation
from bridge.mouth import Mouth, once

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")


class Replying:
    """The replies of one call. `fallback`: recording, at the voice's rate, and text of what is heard for a fault."""

    def __init__(
        self,
        mouth: Mouth,
        *,
        limit_s: float,
        filler: str,
        filler_after_s: float,
        fallback: tuple[Samples, str] | None,
        on_fault: Callable[[], None],
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long; `filler_after_s`: 0 is never."""
        self.course = Course(mouth.leg, mouth)
        self._mouth, self._limit_s = mouth, limit_s
        self._filler, self._filler_after_s = filler, filler_after_s or math.inf
        self._fallback, self._on_fault = fallback, on_fault
        self._expectation = Expectation()
        self._reply: asyncio.Task[None] | None = None  # the newest; cancelled ones too, for the next to wait for
        self._resuming: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """True while a reply is made or said, and was not hushed."""
        return self._reply is not None and not self._reply.done() and not self._reply.cancelling()

    @property
    def expected(self) -> Expected:
        """What the newest reply makes the bot expect."""
        return self._expectation.expected

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """`tasks`: the call's, in which all that follows runs."""
        self._tasks = tasks

    def say(self, make: Callable[[*Ts], AsyncIterator[str | Action]], *args: *Ts) -> None:
        """Say and do what `make` yields, once what was said before has come to its end."""
        self._reply = self._tasks.create_task(self._say(self._reply, make, *args))

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, instead of silence; what is said next waits for its end."""
        self._reply = self._tasks.create_task(self._fall_back())

    def resume(self) -> None:
        """Go on with what the mouth holds."""
        self._resuming = self._tasks.create_task(self._mouth.resume())

    def hush(self) -> None:
        """Say no more of the reply under way."""
        for task in (self._reply, self._resuming):
            if task:
                task.cancel()

    async def _say(
        self, before: asyncio.Task[None] | None, make: Callable[[*Ts], AsyncIterator[str | Action]], *args: *Ts
    ) -> None:
        if before:
            await asyncio.wait({before})
        try:
            self._expectation = Expectation()
            async with filler(self._filler_after_s, self._fill) as begun:
                reply = within(make(*args), self._limit_s, begun=begun)
                await self.course.perform(reply, heed=self._expectation.follow)
        except Exception:  # the bot and the voice are plug-ins: whatever they raise costs one reply, not the call
            log.exception("the bot failed")
            await self._fall_back()

    async def _fill(self) -> None:
        await self._mouth.say(once(self._filler))

    async def _fall_back(self) -> None:
        self._on_fault()
        if self._fallback:
            await self._mouth.play(*self._fallback)
