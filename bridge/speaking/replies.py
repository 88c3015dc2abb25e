"""What the bot says, one reply at a time. Each is a task of its own, so that a barge-in is its cancellation."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager

from bot.actions import Collect
from bot.api import Samples
from bridge.speaking.actions import CallControl, ReplyActions
from bridge.speaking.reply_pieces import Piece, each_within
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.turns.endpointing import Expected
from bridge.turns.expected_input import ExpectedInput

log = logging.getLogger(__name__)


class Replies:
    """The replies of one call. Whatever is said waits until what was said before has ended: one of them speaks."""

    def __init__(
        self,
        output: SpeechOutput,
        *,
        tasks: asyncio.TaskGroup,
        call: CallControl,
        collect: Callable[[Collect], None],
        limit_s: float,
        filler: str,
        filler_after_s: float,
        fallback: tuple[Samples, str] | None,
        on_fault: Callable[[], None],
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long; `filler_after_s`: 0 is never.

        `fallback`: recording, at the voice's rate, and text of what is heard for a fault; `on_fault` is called then.
        `collect`: see ReplyActions.
        """
        self._actions = ReplyActions(output, call, collect=collect)
        self._output, self._tasks, self._limit_s = output, tasks, limit_s
        self._filler, self._filler_after_s = filler, filler_after_s or math.inf
        self._fallback, self._on_fault = fallback, on_fault
        self._expected_input = ExpectedInput()
        self._speaking = asyncio.Lock()  # held by the one that speaks; the others wait in order
        self._under_way: set[asyncio.Task[None]] = set()
        self._resuming: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """True while something is made or said, or waits to be, and was not interrupted."""
        return any(not task.done() and not task.cancelling() for task in self._under_way)

    @property
    def acted(self) -> bool:
        """True once the newest reply did what must not happen twice."""
        return self._actions.acted

    @property
    def expected(self) -> Expected:
        """What the newest reply makes the bot expect."""
        return self._expected_input.expected

    def not_transferred(self, reason: str) -> None:
        """The wire has not transferred the call, and says why."""
        self._actions.not_transferred(reason)

    def say(self, make: Callable[[], AsyncIterator[Piece]]) -> None:
        """Say and do what `make` yields, once what was said before has come to its end."""
        self._begin(self._say(make), self._under_way)

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, once what was said before has come to its end."""
        self._begin(self._apologise(), self._under_way)

    def resume(self) -> None:
        """Go on with what the output holds."""
        self._begin(self._output.resume(), self._resuming)

    def interrupt(self) -> None:
        """Say no more of the reply under way, nor of what waits for its end."""
        for task in (*self._under_way, *self._resuming):
            task.cancel()

    def _begin(self, saying: Coroutine[None, None, None], kept: set[asyncio.Task[None]]) -> None:
        task = self._tasks.create_task(saying)
        kept.add(task)
        task.add_done_callback(kept.discard)

    async def _say(self, make: Callable[[], AsyncIterator[Piece]]) -> None:
        async with self._speaking:
            try:
                self._expected_input = ExpectedInput()
                async with filler(self._filler_after_s, self._fill) as begun:
                    reply = each_within(make(), self._limit_s, begun=begun)
                    await self._actions.run(reply, follow=self._expected_input.follow)
            except Exception:  # the bot and the voice are plug-ins: whatever they raise costs one reply, not the call
                log.exception("the bot failed")
                await self._fall_back()

    async def _apologise(self) -> None:
        async with self._speaking:
            await self._fall_back()

    async def _fill(self) -> None:
        await self._output.say(once(self._filler))

    async def _fall_back(self) -> None:
        self._on_fault()
        if self._fallback:
            await self._output.play(*self._fallback)


@asynccontextmanager
async def filler(
    after_s: float, fill: Callable[[], Coroutine[None, None, None]]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Have `fill` say something where a reply takes longer than `after_s`; yields what to await at its first piece.

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
