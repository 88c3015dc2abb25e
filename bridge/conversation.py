"""The bot's side of a call: what was said, what was heard of the answers, and whose turn it is to be answered."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVarTuple

from bot.api import Bot, CallInfo, Final, Line, Partial, Samples, Speaker, Turn
from bridge.metrics import CallMetrics
from bridge.mouth import Mouth, once, within

log = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")


class Conversation:
    """One bot on one call. A reply is a task of its own, so that barge-in is its cancellation."""

    def __init__(
        self,
        bot: Bot,
        mouth: Mouth,
        info: CallInfo,
        *,
        metrics: CallMetrics,
        limit_s: float,
        greeting: str = "",
        fallback: tuple[Samples, str] | None = None,
    ) -> None:
        """`limit_s`: the bot must say the next thing within so long. `greeting`: spoken instead of the bot's own.

        `fallback`: recording, at the voice's rate, and text of what is heard instead of a fault.
        """
        self._bot, self._mouth, self._info, self._metrics = bot, mouth, info, metrics
        self._limit_s, self._greeting, self._fallback = limit_s, greeting, fallback
        self._history: list[Line] = []
        self._unanswered: list[Final] = []  # said by the caller since the bot was last heard
        self._cut_off = ""  # what the newest barge-in kept the caller from hearing
        self._reply: asyncio.Task[None] | None = None
        self._on_partial: asyncio.Task[None] | None = None
        self._keys = asyncio.Lock()  # keys reach the bot one by one, in order
        mouth.on_audio = metrics.audio_sent

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Greet the caller. `tasks`: the call's, in which all that follows runs."""
        self._tasks = tasks
        if self._greeting:
            self._say(once, self._greeting)
        else:
            self._say(self._bot.on_call, self._info)

    def interrupt(self) -> None:
        """The caller speaks: what the bot was saying, or about to say, is over."""
        silent = self._reply is not None and self._reply.done()
        self.hush()
        heard, unheard = self._mouth.hush()
        if unheard:
            self._metrics.barge_ins.inc()
            self._tasks.create_task(self._mouth.clear())
            self._tasks.create_task(self._hook(self._bot.on_interrupted, heard.text))
        self._cut_off = heard.rest or self._cut_off
        if heard.text or (silent and not heard.rest):
            self._history += [Line(Speaker.CALLER, final.text) for final in self._unanswered]
            self._unanswered.clear()
        if heard.text:
            self._history.append(Line(Speaker.BOT, heard.text))

    def take_the_floor(self) -> None:
        """The caller is done: answer all of it, or go on where a noise cut the bot off."""
        if self._unanswered:
            text = " ".join(final.text for final in self._unanswered)
            self._say(self._bot.reply, Turn(self._info, text, self._unanswered[-1].language, tuple(self._history)))
        elif self._cut_off:
            self._say(once, self._cut_off)
        self._cut_off = ""

    def hush(self) -> None:
        """Say no more of the reply under way."""
        if self._reply:
            self._reply.cancel()

    def show(self, partial: Partial) -> None:
        """Tell the bot what the caller seems to be saying, unless it is still busy with the partial before."""
        if self._on_partial is None or self._on_partial.done():
            self._on_partial = self._tasks.create_task(self._hook(self._bot.on_partial, partial))

    async def tell(self, final: Final) -> None:
        """Tell the bot what the caller said."""
        self._unanswered.append(final)
        await self._hook(self._bot.on_final, final)

    def press(self, digit: str) -> None:
        self._tasks.create_task(self._press(digit))

    def played(self, mark: str) -> None:
        self._mouth.played(mark)

    def fall_back(self) -> None:
        """Let the caller hear that something went wrong, instead of silence; what is said next waits for its end."""
        self._reply = self._tasks.create_task(self._fall_back())

    async def end(self, reason: str) -> None:
        await self._hook(self._bot.on_end, reason)

    def _say(self, make: Callable[[*Ts], AsyncIterator[str]], *args: *Ts) -> None:
        self._reply = self._tasks.create_task(self._speak(self._reply, make, *args))

    async def _speak(
        self, before: asyncio.Task[None] | None, make: Callable[[*Ts], AsyncIterator[str]], *args: *Ts
    ) -> None:
        if before:
            await asyncio.wait({before})
        try:
            await self._mouth.say(within(make(*args), self._limit_s))
        except Exception:  # the bot and the voice are plug-ins: whatever they raise costs one reply, not the call
            log.exception("the bot failed")
            await self._fall_back()

    async def _fall_back(self) -> None:
        self._metrics.replies_failed.inc()
        if self._fallback:
            await self._mouth.play(*self._fallback)

    async def _press(self, digit: str) -> None:
        async with self._keys:
            await self._hook(self._bot.on_dtmf, digit)

    async def _hook(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                await hook(*args)
        except Exception:  # the bot is a plug-in: its fault must not end the call
            log.exception("the bot's %s failed", hook.__name__)
