"""The simulated caller, in virtual time: when it speaks, presses, waits and gives up."""

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import virtual
from evals_support import TimetableLine, spoken, written

from bridge.commands.phone.simulated_phone import on_line
from bridge.evals.caller.caller import DoneAct, SimulatedCaller, Sounds, StepFailed
from bridge.evals.facts import CallFacts, response_ms
from bridge.evals.scenario import BackgroundNoise, ModelChat, Speak


class Says:
    """A model's lines, and what it was told that the bot had said."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)
        self.heard: list[str] = []

    async def __call__(self, chat: ModelChat, heard: str, /) -> str | None:
        self.heard.append(heard)
        return self._lines.pop(0) if self._lines else None


def play(
    steps: str, line: TimetableLine, *, said_ms: int = 1000, says: Says | None = None, head: str = ""
) -> tuple[list[DoneAct], float, str]:
    """Play steps over `line`; return what was done, how long the call lasted, and why a step failed."""

    async def call() -> tuple[list[DoneAct], float, str]:
        scenario = written(f"{head}\nsteps:\n{steps}")
        speech = {step.number: spoken(said_ms) for step in scenario.steps if isinstance(step.act, Speak)}
        noise = np.full(8000, 0.1, np.float32)
        backgrounds = {
            act: None if act.sound == "off" else noise
            for act in (scenario.background, *(step.act for step in scenario.steps))
            if isinstance(act, BackgroundNoise)
        }

        async def say(text: str) -> Any:  # noqa: ANN401 - a recording
            return spoken(said_ms, text)

        async def bot_text(since_ms: float) -> str:
            return f"since {since_ms:.0f}"

        async with on_line(line) as phone:
            sounds = Sounds(speech=speech, backgrounds=backgrounds, say=say)
            caller = SimulatedCaller(phone, sounds, bot_text=bot_text, next_line=says or Says())
            why = ""
            try:
                await caller.play(scenario)
            except StepFailed as failure:
                why = f"step {failure.step.number}: {failure}"
            return caller.done, phone.now_ms, why

    return virtual.run(_limited(call()))


async def _limited(call: Coroutine[Any, Any, tuple[list[DoneAct], float, str]]) -> tuple[list[DoneAct], float, str]:
    async with asyncio.timeout(300):
        return await call


def near(value_ms: float, wanted_ms: float) -> bool:
    return abs(value_ms - wanted_ms) <= 45


def test_who_calls_waits_for_the_greeting_speaks_and_hears_the_answer_out() -> None:
    line = TimetableLine((200, 1000), (4000, 2000))
    [said], lasted_ms, _ = play("  - say: x\n", line)
    assert near(said.began_ms, 1200 + 700) and near(said.ended_ms, said.began_ms + 1000)
    assert near(lasted_ms, 6000 + 700)
    assert line.hung_up


@pytest.mark.parametrize("delay_ms", [200, 480, 1234])
def test_an_answer_of_known_delay_is_timed_to_a_frame(delay_ms: int) -> None:
    line = TimetableLine((4000 + delay_ms, 1000))

    async def call() -> tuple[float | None, DoneAct]:
        async with on_line(line) as phone:
            sounds = Sounds(speech={1: spoken(1000)}, backgrounds={}, say=never)
            caller = SimulatedCaller(phone, sounds, bot_text=never, next_line=Says())
            await caller.play(written("steps: [say: x]"))
            return response_ms(CallFacts(acts=caller.done, record=phone.record), caller.done[0]), caller.done[0]

    async def never(_: object) -> Any:  # noqa: ANN401 - nothing
        raise AssertionError

    measured_ms, said = virtual.run(call())
    last_frame = max(number for number, frame in enumerate(line.sent) if frame != b"\xff" * 160)
    assert said.ended_ms == pytest.approx(20 * last_frame, abs=1), "speech ends when its last frame leaves"
    true_ms = 4000 + delay_ms - said.ended_ms
    assert measured_ms is not None and 0 <= measured_ms - true_ms <= 21


def test_a_bot_that_does_not_greet_is_spoken_to_after_three_seconds() -> None:
    [said], lasted_ms, _ = play("  - say: x\n", TimetableLine())
    assert near(said.began_ms, 3000)
    assert near(lasted_ms, 4000 + 10_000), "an answer is awaited for ten seconds"


def test_each_answer_is_awaited_before_the_next_thing_is_said() -> None:
    acts, _, _ = play("  - say: x\n  - say: y\n", TimetableLine((0, 500), (3000, 1000), (8000, 500)))
    assert [near(act.began_ms, at) for act, at in zip(acts, (1200, 4700), strict=True)] == [True, True]


def test_patience_is_how_long_a_pause_may_be() -> None:
    line = TimetableLine((0, 500), (1500, 500))
    [said], _, _ = play("  - say: x\n", line, head="patience: 1.5s")
    assert near(said.began_ms, 2000 + 1500)


def test_an_interruption_comes_when_the_bot_has_spoken_for_so_long() -> None:
    line = TimetableLine((0, 500), (3000, 4000), (9000, 500))
    acts, lasted_ms, _ = play("  - say: x\n  - interrupt: y\n    after: 800ms\n", line)
    assert near(acts[1].began_ms, 3000 + 800) and acts[1].over_bot
    assert near(lasted_ms, 9500 + 700), "the answer to an interruption is what comes after what it cut"


def test_a_bot_that_falls_silent_at_an_okay_is_waited_for_and_heard_out() -> None:
    line = TimetableLine((0, 500), (3000, 900), (5600, 1000))
    _, lasted_ms, _ = play("  - say: x\n  - backchannel: y\n    after: 800ms\n", line)
    assert near(lasted_ms, 6600 + 700)
    _, lasted_ms, _ = play("  - say: x\n  - backchannel: y\n    after: 800ms\n", TimetableLine((0, 500), (3000, 900)))
    assert near(lasted_ms, 3800 + 1000 + 3000), "and not for ever"


def test_who_cannot_be_interrupted_fails_the_step() -> None:
    _, _, why = play("  - say: x\n  - interrupt: y\n", TimetableLine((0, 500)))
    assert why == "step 2: the bot said nothing for 10 s, so nobody can speak over it"


def test_waiting_for_a_bot_that_says_nothing_fails_the_step() -> None:
    _, lasted_ms, why = play("  - wait: begin\n    limit: 4s\n", TimetableLine())
    assert why == "step 1: the bot did not begin within 4 s" and near(lasted_ms, 4000)
    acts, lasted_ms, why = play("  - wait: begin\n  - hang_up\n", TimetableLine((500, 9000)))
    assert (acts, why) == ([], "") and near(lasted_ms, 500)


def test_keys_are_pressed_one_by_one_after_the_bot_has_finished() -> None:
    line = TimetableLine((0, 500))
    [pressed], _, _ = play("  - press: 42#\n", line)
    assert [key for _, key in line.keys] == ["4", "2", "#"]
    times = [at for at, _ in line.keys]
    assert all(later - earlier >= 0.15 for earlier, later in pairwise(times))
    assert near(pressed.began_ms, 1200) and pressed.is_turn


def test_silence_lasts_as_long_as_it_says() -> None:
    [quiet], _, _ = play("  - silence: 5s\n", TimetableLine((0, 500)))
    assert near(quiet.began_ms, 1200) and near(quiet.ended_ms, 6200) and not quiet.is_turn


def test_hanging_up_ends_the_call_at_once() -> None:
    line = TimetableLine((0, 20_000))
    acts, lasted_ms, _ = play(
        "  - wait: begin\n  - silence: 1s\n  - hang_up\n  - say: never\n", line, head="limit: 10s"
    )
    assert acts == [] and near(lasted_ms, 10_000), "a bot that never stops is not waited for beyond the limit"
    acts, lasted_ms, _ = play("  - say: x\n    at_once: true\n  - hang_up\n  - say: never\n", TimetableLine())
    assert len(acts) == 1 and near(lasted_ms, 1000)


def test_a_bot_that_hangs_up_ends_the_call() -> None:
    acts, lasted_ms, why = play("  - say: x\n  - say: y\n", TimetableLine((0, 500), ends_ms=3000))
    assert [act.step for act in acts] == [1] and why == "" and lasted_ms < 3100


def test_what_is_behind_the_caller_is_in_every_frame_until_it_is_off() -> None:
    line = TimetableLine((0, 500))
    play("  - say: x\n  - noise: 'off'\n  - silence: 1s\n", line, head="noise: white")
    quiet = [frame == b"\xff" * 160 for frame in line.sent]
    assert not any(quiet[:100]) and all(quiet[len(quiet) - 40 :])


def test_a_model_speaks_until_it_wants_no_more_and_is_told_what_the_bot_said() -> None:
    says = Says("I want a table.", "Goodbye.")
    acts, _, _ = play("  - chat: Get a table.\n", TimetableLine((0, 500), (3000, 500), (6000, 500)), says=says)
    assert [(act.what, act.text) for act in acts] == [("chat", "I want a table."), ("chat", "Goodbye.")]
    assert len(says.heard) == 3 and says.heard[0] == "since 0"
    acts, _, _ = play("  - chat: Talk.\n    turns: 1\n", TimetableLine((0, 500)), says=Says("One.", "Two."))
    assert [act.text for act in acts] == ["One."]
