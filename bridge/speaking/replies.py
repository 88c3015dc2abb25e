"""What the bot says, one reply at a time. Each is a task of its own, so that a barge-in is its cancellation."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVarTuple

from bot.actions import Action, ActionFailed
from bot.api import Samples
from bridge.speaking.actions import ReplyActions
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.turns.endpointing import Expected
from bridge.turns.expected_input import ExpectedInput

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")


class Replies:
    """The replies of one call. `fallback`: recording, at the voice's rate, and text of what is heard for a fault."""

    def __init__(
        self,
        mouth: SpeechOutput,
        *,
        limit_s: float,
        filler: str,
        filler_after_s: float,
        fallback: tuple[Samples, str] | None,
        on_fault: Callable[[], None],
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long; `filler_after_s`: 0 is never."""
        self.course = ReplyActions(mouth.leg, mouth)
        self._mouth, self._limit_s = mouth, limit_s
        self._filler, self._filler_after_s = filler, filler_after_s or math.inf
        self._fallback, self._on_fault = fallback, on_fault
        self._expectation = ExpectedInput()
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
            self._expectation = ExpectedInput()
            async with filler(self._filler_after_s, self._fill) as begun:
                reply = each_within(make(*args), self._limit_s, begun=begun)
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


async def each_within(
    texts: AsyncIterator[str | Action] | Coroutine[None, None, object],
    limit_s: float,
    *,
    begun: Callable[[], Awaitable[None]] | None = None,
) -> AsyncGenerator[str | Action, None]:
    """Yield `texts`, and close them; each must come within `limit_s` of being asked for.

    `begun` is awaited at the first. An ActionFailed thrown in reaches `texts`, whose author may know what to do.

    Raises:
        TimeoutError: one did not.
        TypeError: `texts` is no async generator: its author wrote `return` instead of `yield`.
    """
    if not isinstance(texts, AsyncIterator):
        texts.close()
        raise TypeError(f"a bot yields what it says (`yield text` in an async def); got {type(texts).__name__}")
    try:
        ask = anext(texts)
        while True:
            try:
                async with asyncio.timeout(limit_s):
                    text = await ask
            except StopAsyncIteration:
                return
            if begun:
                await begun()
                begun = None
            try:
                yield text
                ask = anext(texts)
            except ActionFailed as failed:
                if not isinstance(texts, AsyncGenerator):
                    raise
                ask = texts.athrow(failed)
    finally:
        if isinstance(texts, AsyncGenerator):
            async with asyncio.timeout(limit_s):
                await texts.aclose()


@asynccontextmanager
async def filler(
    after_s: float, fill: Callable[[], Coroutine[None, None, None]]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Have `fill` say something where a reply takes longer than `after_s`; yields what to await then.

    The reply stays in the task of whoever reads it: a bot may hold a timeout or a task group open over a `yield`.
    """
    task: asyncio.Task[None] | None = None

    def begin() -> None:
        nonlocal task
        task = asyncio.ensure_future(fill())

    async def over() -> None:
        timer.cancel()
        if task:
            await task

    timer = asyncio.get_running_loop().call_later(after_s, begin)
    try:
        yield over
    finally:
        timer.cancel()
        if task:
            task.cancel()
            await asyncio.wait({task})
