"""The simulated caller plays the steps of a scenario on a telephone, and notes when they did what."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from bot.api import Samples
from bridge.commands.phone.carrier_buffer import FRAME_MS
from bridge.commands.phone.simulated_phone import SimulatedPhone
from bridge.commands.recording import RATE, Recording
from bridge.containment import cancelled
from bridge.evals.scenario import (
    RESUMES_MS,
    BackgroundNoise,
    HangUpNow,
    ModelChat,
    PressKeys,
    Scenario,
    ScenarioStep,
    Speak,
    StaySilent,
    WaitForBot,
)

GREETING_S: Final = 3.0
"""A bot that has said nothing by then wants the caller to speak first."""
_ANSWER_S: Final = 10.0
_TALK_S: Final = 60.0
"""Longest speech of a bot that is listened to."""
_BETWEEN_KEYS_MS: Final = 160


class StepFailed(Exception):
    """A step cannot be played, because the bot did not do what it builds on."""

    def __init__(self, step: ScenarioStep, why: str) -> None:
        super().__init__(why)
        self.step = step


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneAct:
    """Something that the caller did. Milliseconds since the call began."""

    step: int
    what: str
    text: str
    began_ms: float
    """Of the first sound, or key."""
    ended_ms: float
    is_turn: bool
    """The bot has to answer it."""
    over_bot: bool = False
    """It was meant to be said while the bot speaks."""


class NextLine(Protocol):
    """Decides what a caller says who is played by a language model."""

    async def __call__(self, chat: ModelChat, heard: str, /) -> str | None:
        """Return what to say to a bot that was `heard` to say so; None to hang up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sounds:
    """All that is heard of a caller in one call, made before."""

    speech: Mapping[int, Recording]
    """Step -> what is said in it."""
    backgrounds: Mapping[BackgroundNoise, Samples | None]
    say: Callable[[str], Awaitable[Recording]]
    """Makes what a language model wants to say."""


class SimulatedCaller:
    """One caller in one call."""

    def __init__(
        self,
        phone: SimulatedPhone,
        sounds: Sounds,
        *,
        bot_text: Callable[[float], Awaitable[str]],
        next_line: NextLine,
    ) -> None:
        """`bot_text` returns what the bot said since then; it and `next_line` are asked where a model is the caller."""
        self.phone, self._sounds, self._bot_text, self._next_line = phone, sounds, bot_text, next_line
        self._patience_ms = 0
        self.done: list[DoneAct] = []

    async def play(self, scenario: Scenario) -> None:
        """Play all steps, hear the answer to the last one, and return; the call may end before.

        Raises:
            StepFailed: a step cannot be played.
        """
        self._patience_ms = scenario.patience_ms
        self._put_behind(scenario.background)
        with suppress(TimeoutError):
            async with asyncio.timeout(scenario.limit_ms / 1000):
                for step in scenario.steps:
                    if self.phone.closed.is_set() or isinstance(step.act, HangUpNow):
                        return
                    await self._play(step)
                await self._answered()

    async def _play(self, step: ScenarioStep) -> None:
        match step.act:
            case Speak() as act:
                await self._before(step, act.after_ms, at_once=act.at_once)
                await self._say(step, self._sounds.speech[step.number], act)
            case PressKeys(keys=keys, after_ms=after_ms):
                await self._before(step, after_ms)
                await self._press(step, keys)
            case StaySilent(ms=ms):
                await self._answered()
                began_ms = self.phone.now_ms
                await self._pass_by(ms)
                self._note(step, "silence", "", began_ms, self.phone.now_ms, is_turn=False)
            case WaitForBot(finished=finished, limit_ms=limit_ms):
                await self._wait(step, finished=finished, limit_s=limit_ms / 1000)
            case BackgroundNoise() as behind:
                self._put_behind(behind)
            case ModelChat() as chat:
                await self._chat(step, chat)
            case _:
                raise TypeError(f"no such act: {step.act!r}")

    def _put_behind(self, background: BackgroundNoise | None) -> None:
        if background:
            self.phone.put_behind(self._sounds.backgrounds[background])

    async def _before(self, step: ScenarioStep, after_ms: int | None, *, at_once: bool = False) -> None:
        if at_once:
            return
        if after_ms is None:
            await self._answered()
            return
        try:
            await self.phone.until(lambda: self.phone.speaking or self.phone.closed.is_set(), timeout_s=_ANSWER_S)
        except TimeoutError:
            raise StepFailed(step, f"the bot said nothing for {_ANSWER_S:g} s, so nobody can speak over it") from None
        began_ms = max((m.at_ms for m in self.phone.record.timeline if m.what == "audio-heard"), default=0.0)
        await self._until(began_ms + after_ms)

    async def _answered(self) -> None:
        """Wait until the bot has answered what was done last, at the begin of a call until it has greeted."""
        last = self.done[-1] if self.done else None
        awaited = last is None or last.is_turn
        after_ms, limit_s = (last.began_ms, _ANSWER_S) if last else (0.0, GREETING_S)
        with suppress(TimeoutError):  # what did not come is told by the expectations
            if awaited and not (last is None and self.phone.speaking):
                await self._unless_over(lambda: self._heard_since(after_ms), limit_s)
            elif last and last.over_bot:
                await self._heard_again()
            await self._until_silent(_TALK_S)

    async def _heard_again(self) -> None:
        """Wait for a bot that fell silent at what was no turn: it may need a moment to know that it was none."""
        with suppress(TimeoutError):
            await self._unless_over(lambda: self.phone.speaking, RESUMES_MS / 1000)

    def _heard_since(self, after_ms: float) -> bool:
        return self.phone.record.first("audio-heard", after_ms=after_ms) is not None

    async def _until_silent(self, limit_s: float) -> None:
        """Wait until the bot has finished; who is hung up on hears no frames, and waits for none."""
        silent = asyncio.ensure_future(self.phone.until_silent(for_ms=self._patience_ms, timeout_s=limit_s))
        over = asyncio.ensure_future(self.phone.closed.wait())
        try:
            await asyncio.wait({silent, over}, return_when=asyncio.FIRST_COMPLETED)
            if silent.done():
                silent.result()
        finally:
            await cancelled(silent, over)

    async def _unless_over(self, happened: Callable[[], bool], limit_s: float) -> None:
        await self.phone.until(lambda: happened() or self.phone.closed.is_set(), timeout_s=limit_s)

    async def _say(self, step: ScenarioStep, recording: Recording, act: Speak | ModelChat) -> None:
        over_bot = isinstance(act, Speak) and act.after_ms is not None
        if self.phone.closed.is_set():
            return
        asked_ms = self.phone.now_ms
        await self.phone.say(recording.mulaw)
        last_ms = self.phone.record.first("speech-ends", after_ms=asked_ms) or self.phone.now_ms
        length_ms = -(-len(recording.mulaw) * 1000 // RATE // FRAME_MS) * FRAME_MS
        start_ms = last_ms - length_ms
        self._note(
            step,
            act.kind.value if isinstance(act, Speak) else "chat",
            recording.name,
            start_ms + recording.begins_ms,
            min(start_ms + recording.ends_ms, last_ms),
            is_turn=act.is_turn if isinstance(act, Speak) else True,
            over_bot=over_bot,
        )

    async def _press(self, step: ScenarioStep, keys: str) -> None:
        if self.phone.closed.is_set():
            return
        began_ms = self.phone.now_ms
        for key in keys:
            with suppress(ConnectionError):  # the bot has hung up
                await self.phone.press(key)
            await self._pass_by(_BETWEEN_KEYS_MS)
        ended_ms = self.phone.now_ms - _BETWEEN_KEYS_MS
        self._note(step, "press", keys, began_ms, ended_ms, is_turn=True)

    async def _wait(self, step: ScenarioStep, *, finished: bool, limit_s: float) -> None:
        after_ms = self.done[-1].began_ms if self.done else 0.0

        def begun() -> bool:
            return self.phone.speaking or self._heard_since(after_ms)

        try:
            await self._unless_over(begun, limit_s)
            if finished:
                await self._until_silent(max(limit_s, _TALK_S))
        except TimeoutError:
            raise StepFailed(step, f"the bot did not {'finish' if begun() else 'begin'} within {limit_s:g} s") from None

    async def _chat(self, step: ScenarioStep, chat: ModelChat) -> None:
        since_ms = 0.0
        for _ in range(chat.turns):
            await self._answered()
            if self.phone.closed.is_set():
                return
            line = await self._next_line(chat, await self._bot_text(since_ms))
            if line is None:
                return
            recording = await self._sounds.say(line)
            since_ms = self.phone.now_ms
            await self._say(step, recording, chat)

    async def _pass_by(self, ms: float) -> None:
        await self._until(self.phone.now_ms + ms)

    async def _until(self, at_ms: float) -> None:
        wait_s = (at_ms - self.phone.now_ms) / 1000 + 1
        with suppress(TimeoutError):
            await self._unless_over(lambda: self.phone.now_ms >= at_ms, max(wait_s, 1.0))

    def _note(
        self,
        step: ScenarioStep,
        what: str,
        text: str,
        began_ms: float,
        ended_ms: float,
        *,
        is_turn: bool,
        over_bot: bool = False,
    ) -> None:
        self.done.append(
            DoneAct(
                step=step.number,
                what=what,
                text=text,
                began_ms=round(began_ms, 1),
                ended_ms=round(ended_ms, 1),
                is_turn=is_turn,
                over_bot=over_bot,
            )
        )
