"""What the bot says, one reply at a time. Each is a task of its own, so that a barge-in is its cancellation."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from functools import partial as bound

from bot.actions import Collect
from bot.api import Samples
from bridge.containment import contained
from bridge.speaking.actions import CallControl, HandOff, ReplyActions
from bridge.speaking.filler import ReplyFiller
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
        hand_off: HandOff,
        limit_s: float,
        filler: Callable[[], str],
        filler_after_s: float,
        fallback: Callable[[], tuple[Samples, str] | None],
        on_fault: Callable[[], None],
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long; `filler_after_s`: 0 is never.

        `filler`, `fallback`: asked when they are to be heard. The latter is a recording, at the voice's rate, and its
        text; `on_fault` is called then.
        `collect`, `hand_off`: see ReplyActions.
        """
        self._actions = ReplyActions(output, call, collect=collect, hand_off=hand_off)
        self._output, self._tasks, self._limit_s = output, tasks, limit_s
        self._filler = ReplyFiller(bound(self._fill, filler), after_s=filler_after_s or math.inf)
        self._fallback, self._on_fault = fallback, on_fault
        self._expected_input = ExpectedInput()
        self._speaking = asyncio.Lock()  # held by the one that speaks; the others wait in order
        self._under_way: set[asyncio.Task[None]] = set()
        self._apologies: set[asyncio.Task[None]] = set()  # of those under way

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

    def say(self, make: Callable[[], AsyncIterator[Piece]], *, again: bool = False) -> None:
        """Say and do what `make` yields, once what was said before has come to its end.

        `again`: the caller waits for it since an earlier `say`, of which they have heard nothing.
        """
        if not again:
            self._filler.begin()
        self._under_way.add(self._begin(self._say(make)))

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, once what was said before has come to its end."""
        apology = self._begin(self._apologise())
        self._under_way.add(apology)
        self._apologies.add(apology)
        apology.add_done_callback(self._apologies.discard)

    def reassure(self) -> None:
        """Say the filler now, where nothing of a reply was made yet: the caller asks whether anybody is there."""
        self._filler.hurry()

    def apologises(self, unheard: str) -> bool:
        """Return whether the caller has yet to hear that something went wrong. `unheard`: what was made for them."""
        waits = any(not task.done() and not task.cancelling() for task in self._apologies)
        text = fallback[1] if (fallback := self._fallback()) else ""
        return waits or bool(text and unheard.endswith(text))

    def interrupt(self) -> None:
        """Say no more of the reply under way, nor of what waits for its end."""
        for task in self._under_way:
            task.cancel()

    def _begin(self, saying: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(saying)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _say(self, make: Callable[[], AsyncIterator[Piece]]) -> None:
        async with self._speaking:
            try:
                self._expected_input = ExpectedInput()
                self._output.observer.asked()
                with contained("the bot or the voice"):
                    async with self._filler.beside() as begun:

                        async def first_words() -> None:
                            self._output.observer.text_came()
                            await begun()

                        reply = each_within(make(), self._limit_s, begun=first_words)
                        await self._give(reply)
            except Exception:  # the bot and the voice are plug-ins: whatever they raise costs one reply, not the call
                log.exception("the bot failed")
                if not _interrupted():
                    await self._fall_back()
            finally:
                self._output.reply_over(cut=_interrupted())

    async def _give(self, reply: AsyncGenerator[Piece, None]) -> None:
        """Say and do `reply`; where it had text, and nothing of it could be heard, the fallback is."""
        sounds, expected = self._output.sounds, self._expected_input
        await self._actions.run(reply, follow=expected.follow)
        if expected.text.strip() and self._output.sounds == sounds and not self.acted and not _interrupted():
            self._output.explain(expected.text)
            await self._fall_back()

    async def _apologise(self) -> None:
        async with self._speaking:
            try:
                await self._fall_back()
            finally:
                self._output.reply_over(cut=_interrupted())

    async def _fill(self, text: Callable[[], str]) -> None:
        await self._output.say(once(text()), filler=True)

    async def _fall_back(self) -> None:
        self._on_fault()
        self._output.recording.unannounced()
        self._output.observer.fault("the bot or the voice failed")
        if fallback := self._fallback():
            await self._output.play(*fallback)


def _interrupted() -> bool:
    """Return whether the reply that this task gives was interrupted: nobody waits for it any more."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
