"""Plays a scenario on a call and judges what the bot did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from bot.api import Samples
from phone import measures
from phone.caller import FRAME_MS, Caller
from phone.ear import Span
from phone.material import Turn, turn_of
from phone.measures import KEPT_MS, QUIET_MS, YIELD_MS, Trial
from phone.scenarios import Scenario, Step

KEY_MS: Final = 200.0
"""From one key to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the caller waits, in milliseconds."""

    greeting_ms: float = 3000.0
    answer_ms: float = 10_000.0
    """A turn that is not answered for so long never is."""
    hush_ms: float = 1000.0
    """The bot has ended an answer when it was silent for so long."""
    listen_ms: float = 25_000.0
    """An answer is listened to for so long at most; the caller then speaks all the same."""


@dataclass(slots=True)
class Played:
    """What a call was."""

    call: str
    group: str
    trials: list[Trial] = field(default_factory=list)
    not_reached: int = 0
    """Steps for which there was no call any more."""
    seconds: float = 0.0
    gaps_ms: list[float] = field(default_factory=list)
    malformed: int = 0
    late_p99_ms: float = 0.0
    """Milliseconds by which the caller's own frames left late."""
    late_most_ms: float = 0.0
    fault: str = ""
    """Why there was no call, or no more of it."""
    answers: list[tuple[int, Span]] = field(default_factory=list)
    """For turns with digits: the trial, and where in the call its answer is."""


class Play:
    """One call of one scenario."""

    def __init__(self, caller: Caller, scenario: Scenario, sounds: Mapping[str, Samples], patience: Patience) -> None:
        self._caller, self._scenario, self._sounds, self._patience = caller, scenario, sounds, patience
        self.played = Played(scenario.name, scenario.group)

    async def play(self) -> Played:
        """Go through all steps; what is judged is in the result, also of a call that broke off."""
        caller, played = self._caller, self.played
        await caller.until(self._speaks_since(0.0), timeout_ms=self._patience.greeting_ms)
        await self._hear_out()
        for number, step in enumerate(self._scenario.steps):
            if caller.closed.is_set():
                played.not_reached += 1
                continue
            name = f"{self._scenario.name}/{number + 1}"
            if step.silent_ms:
                await self._be_silent(name, step)
            elif step.over:
                await self._speak_over(name, step)
            elif step.keys:
                await self._press(name, step)
            else:
                await self._take_turn(name, step)
        played.seconds = caller.now_ms / 1000
        played.gaps_ms = caller.ear.gaps_ms
        played.malformed = caller.malformed
        if caller.late_ms:
            played.late_p99_ms = round(float(np.percentile(caller.late_ms, 99)), 2)
            played.late_most_ms = round(max(caller.late_ms), 2)
        return played

    async def _take_turn(self, name: str, step: Step) -> None:
        quiet = not self._heard_now()
        said = self._say(turn_of(step, self._sounds))
        await self._answered(said[-1][1])
        trial = measures.turn(self._scenario.group, name, self._voice(), said, digits=step.digits.replace(" ", ""))
        await self._hear_out()
        if step.digits:
            self.played.answers.append((len(self.played.trials), (said[0][0], self._caller.now_ms)))
        self.played.trials.append(trial if quiet else replace(trial, tested=False))

    async def _until(self, due_ms: float) -> None:
        await self._caller.until(lambda: self._caller.now_ms >= due_ms, timeout_ms=2 * KEY_MS)

    async def _press(self, name: str, step: Step) -> None:
        caller, quiet = self._caller, not self._heard_now()
        began_ms = pressed_ms = caller.now_ms
        for key in step.keys:
            due_ms = pressed_ms + KEY_MS
            await self._until(due_ms)
            pressed_ms = caller.now_ms
            await caller.press(key)
        await self._answered(pressed_ms)
        trial = measures.turn(self._scenario.group, name, self._voice(), [(began_ms, pressed_ms)])
        await self._hear_out()
        self.played.trials.append(trial if quiet else replace(trial, tested=False))

    async def _speak_over(self, name: str, step: Step) -> None:
        caller = self._caller
        began_ms = caller.now_ms
        if not self._heard_now():
            await self._hear_out()
            said = self._say(turn_of(Step(say=(self._scenario.ask,)), self._sounds))
            began_ms = said[-1][1]
            await self._answered(began_ms)
            began_ms = measures.first_voice(self._voice(), began_ms) or began_ms
        await caller.until(
            lambda: caller.now_ms >= began_ms + step.after_ms and self._voiced_now(),
            timeout_ms=step.after_ms + self._patience.answer_ms,
        )
        onset_ms = caller.now_ms
        said = self._say(turn_of(step, self._sounds)) if step.say else [(onset_ms, onset_ms)]
        ends_ms = said[-1][1]
        watched_ms = ends_ms + (YIELD_MS if step.over == "interruption" else KEPT_MS) + QUIET_MS
        await caller.until(
            lambda: caller.now_ms >= watched_ms, timeout_ms=watched_ms - onset_ms + self._patience.answer_ms
        )
        group = self._scenario.group
        trial = measures.spoken_over(group, name, step.over, self._voice(), (said[0][0], ends_ms))
        if step.over == "interruption" and trial.tested and trial.yield_ms is not None:
            await self._answered(ends_ms)
            answer = measures.turn(group, name, self._voice(), [(said[0][0] + trial.yield_ms, ends_ms)])
            trial = replace(trial, response_ms=answer.response_ms)
            await self._hear_out()
        self.played.trials.append(trial)

    async def _be_silent(self, name: str, step: Step) -> None:
        begins_ms = self._caller.now_ms
        ends_ms = begins_ms + step.silent_ms
        await self._caller.until(
            lambda: self._caller.now_ms >= ends_ms, timeout_ms=step.silent_ms + self._patience.answer_ms
        )
        self.played.trials.append(measures.silence(self._scenario.group, name, self._voice(), (begins_ms, ends_ms)))

    def _say(self, turn: Turn) -> list[Span]:
        """Begin to say a turn; return when its stretches of speech are said."""
        at_ms = self._caller.say(turn.audio)
        return [(at_ms + begin, at_ms + end) for begin, end in turn.stretches]

    async def _answered(self, ends_ms: float) -> None:
        """Wait until the bot is heard after `ends_ms`, or is not going to be."""
        left_ms = ends_ms - self._caller.now_ms + self._patience.answer_ms
        await self._caller.until(self._speaks_since(ends_ms), timeout_ms=max(0.0, left_ms))

    async def _hear_out(self) -> None:
        """Wait until the bot has said what it has to say."""
        caller = self._caller
        await caller.until(
            lambda: caller.now_ms >= caller.ear.last_voice_ms + self._patience.hush_ms,
            timeout_ms=self._patience.listen_ms,
        )

    def _speaks_since(self, since_ms: float) -> "_Speaks":
        return _Speaks(self._caller, since_ms)

    def _voice(self) -> Sequence[Span]:
        return self._caller.ear.voice(self._caller.now_ms)

    def _voiced_now(self) -> bool:
        voice, now_ms = self._caller.ear.voice(), self._caller.now_ms
        return any(begin < now_ms and end > now_ms + FRAME_MS for begin, end in reversed(voice))

    def _heard_now(self) -> bool:
        return measures.heard_at(self._voice(), self._caller.now_ms)


@dataclass(frozen=True, slots=True)
class _Speaks:
    """Whether the bot has been heard at or after a moment."""

    caller: Caller
    since_ms: float

    def __call__(self) -> bool:
        voice = self.caller.ear.voice(self.caller.now_ms)
        return any(end > self.since_ms and end - begin >= measures.CLICK_MS for begin, end in reversed(voice[-200:]))
