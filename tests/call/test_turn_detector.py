"""What was heard at a pause becomes a wait."""

import asyncio
import logging
from dataclasses import dataclass, field

import numpy as np
import pytest

from bot.api import Expect
from bridge.call.turn_detector import TurnDetector
from bridge.speech.api import EngineFailed, MarksAhead, Samples
from bridge.speech.dictation import Kind, Reading
from bridge.turns.end_probability import EndWeights
from bridge.turns.endpointing import Endpointing, EndpointRules, Expected
from bridge.turns.expected_cost import CostRules
from bridge.turns.rolling_quantile import RollingQuantile

AUDIO = np.zeros(16_000, np.float32)
RULES = EndpointRules(wait_ms=500, sure_ms=300, unsure_ms=1500, dictation_ms=1600)


@dataclass
class FakeEnding:
    """Says what the test wants, when the test wants it."""

    answer: float = 1.0
    fault: EngineFailed | None = None
    hold: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def probability(self, audio: Samples, text: str, language: str, /) -> float:
        self.asked.append(text)
        self.called.set()
        if self.hold:
            await self.hold.wait()
        if self.fault:
            raise self.fault
        return self.answer

    def close(self) -> None:
        """It holds nothing."""


class Scene:
    """One caller, judged by `ending`."""

    def __init__(
        self,
        ending: FakeEnding,
        *,
        limit_s: float = 5.0,
        weights: EndWeights | None = None,
        rules: EndpointRules = RULES,
    ) -> None:
        self.now_ms = 0
        self.finals = RollingQuantile(100)
        self.endpointing = Endpointing(rules, time_to_final=self.finals)
        self.told: list[tuple[str, str, float]] = []
        self.detector = TurnDetector(
            self.endpointing,
            ending,
            lambda *judged: self.told.append(judged),
            time_to_final=self.finals,
            limit_s=limit_s,
            clock_ms=lambda: self.now_ms,
            weights=weights,
        )


@pytest.mark.parametrize(("answer", "expected_ms"), [(1.0, 300), (0.0, 1500)])
async def test_the_model_decides_how_long_a_pause_may_last(answer: float, expected_ms: int) -> None:
    scene = Scene(FakeEnding(answer))
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.endpointing.wait_ms == expected_ms


async def test_a_model_that_fails_leaves_the_plain_wait_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(FakeEnding(fault=EngineFailed("out of order")))
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.endpointing.wait_ms == 500
    assert "out of order" in caplog.text


async def test_a_model_that_hangs_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(FakeEnding(hold=asyncio.Event()), limit_s=0.01)
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.endpointing.wait_ms == 500
    assert "no answer in 0.01 s" in caplog.text


async def test_a_judgement_is_told_with_the_words_of_the_utterance() -> None:
    scene = Scene(FakeEnding(0.7))
    scene.detector.carried("Well.")
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.told == [("That is all.", "English", 0.7)]


async def test_an_end_judged_too_late_is_not_told() -> None:
    ending = FakeEnding(hold=asyncio.Event())
    scene = Scene(ending)
    scene.endpointing.paused(1000)
    late = asyncio.create_task(scene.detector.weigh(AUDIO, "That is all.", "English"))
    await ending.called.wait()
    scene.endpointing.resumed(1200)
    assert ending.hold
    ending.hold.set()
    await late
    assert scene.told == []


async def test_a_judgement_that_comes_after_the_caller_spoke_on_is_not_heeded() -> None:
    ending = FakeEnding(hold=asyncio.Event())
    scene = Scene(ending)
    scene.endpointing.paused(1000)
    late = asyncio.create_task(scene.detector.weigh(AUDIO, "That is all.", "English"))
    await ending.called.wait()
    scene.endpointing.resumed(1200)
    scene.endpointing.paused(2000)
    assert ending.hold
    ending.hold.set()
    await late
    assert scene.endpointing.wait_ms == 500


async def test_between_pauses_nobody_is_asked() -> None:
    ending = FakeEnding()
    scene = Scene(ending)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert ending.asked == []


async def test_a_partial_shows_dictation_before_the_pause_is_judged() -> None:
    scene = Scene(FakeEnding())
    scene.detector.hear("my number is 555 01", "English")
    scene.endpointing.paused(1000)
    assert scene.endpointing.wait_ms == 1600


async def test_a_turn_that_goes_on_is_read_as_one() -> None:
    """ "five five" and "five": neither alone is a number."""
    ending = FakeEnding()
    scene = Scene(ending)
    scene.detector.carried("five five")
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "five", "English")
    assert scene.endpointing.wait_ms == 1600
    assert ending.asked == ["five five five"]


async def test_what_finals_take_is_measured_and_bounds_the_wait() -> None:
    scene = Scene(FakeEnding(fault=EngineFailed("out of order")))
    scene.endpointing.paused(1000)
    scene.detector.asked("u1")
    scene.now_ms = 650
    scene.detector.served("u1")
    await scene.detector.weigh(AUDIO, "", "")
    assert scene.finals.quantile(0.99) == 650
    scene.endpointing.paused(2000)
    assert scene.endpointing.wait_ms == RULES.stop_ms + 650


def test_a_final_that_nobody_wanted_is_no_measurement() -> None:
    scene = Scene(FakeEnding())
    scene.detector.asked("u1")
    scene.detector.withdrawn("u1")
    scene.detector.served("u1")
    scene.detector.withdrawn("never asked for")
    assert scene.finals.quantile(1.0) == 100, "the first guess"


def test_a_late_final_is_measured_from_its_own_pause() -> None:
    """A slow recogniser must not look quick because the next utterance has paused meanwhile."""
    scene = Scene(FakeEnding())
    scene.detector.asked("u1")
    scene.now_ms = 1900
    scene.detector.asked("u2")
    scene.now_ms = 2000
    scene.detector.served("u1")
    assert scene.finals.quantile(1.0) == 2000
    scene.now_ms = 2500
    scene.detector.served("u2")
    assert [scene.finals.quantile(share) for share in (0.5, 0.51)] == [600, 2000], "two samples"


def test_only_an_utterance_with_words_teaches_how_long_this_caller_pauses() -> None:
    scene = Scene(FakeEnding())
    for text, expected_ms in (("", RULES.wait_ms), (" ", RULES.wait_ms), ("and also", 725)):
        scene.endpointing.closed(1000)
        scene.detector.began(2100, bot_heard=False, before="")
        scene.detector.hear(text, "English")
        scene.endpointing.paused(3000)
        scene.endpointing.read(Reading(Kind.OPEN))
        assert scene.endpointing.wait_ms >= expected_ms
        assert (scene.endpointing.wait_ms > RULES.wait_ms) is bool(text.strip())


def test_what_the_bot_expects_reaches_the_waits() -> None:
    scene = Scene(FakeEnding())
    scene.detector.expect(Expected(Expect.DIGITS))
    assert scene.endpointing.wait_ms == RULES.dictation_ms


@pytest.mark.parametrize("answer", [float("nan"), -0.1, 1.5])
async def test_a_number_that_is_no_probability_is_no_judgement(answer: float, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(FakeEnding(answer))
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.endpointing.wait_ms == 500
    assert "must be 0 to 1" in caplog.text


async def test_a_model_that_breaks_costs_a_judgement_and_not_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeEnding):
        async def probability(self, audio: Samples, text: str, language: str, /) -> float:
            raise ZeroDivisionError("its author's mistake")

    scene = Scene(Broken())
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English")
    assert scene.endpointing.wait_ms == 500
    assert "its author's mistake" in caplog.text


async def test_the_words_of_the_caller_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(FakeEnding())
    scene.endpointing.paused(1000)
    with caplog.at_level(logging.DEBUG):
        await scene.detector.weigh(AUDIO, "my secret is 4711", "English")
    assert "4711" not in caplog.text
    assert "0.00" in caplog.text or "1.00" in caplog.text


WEIGHTS = EndWeights(intercept=0.0, stop=1.0, comma=0.0, kinds={Kind.FINISHED: 0.0})
EAGER = EndpointRules(wait_ms=500, cut_ms=800, cost=CostRules(least_ms=256, most_ms=640))


@pytest.mark.parametrize(("stop", "expected_ms"), [(0.99, 256), (0.01, 640)])
async def test_what_the_recogniser_expects_next_judges_instead_of_the_text(stop: float, expected_ms: int) -> None:
    ending = FakeEnding(0.0)
    scene = Scene(ending, weights=WEIGHTS, rules=EAGER)
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English", MarksAhead(stop, 0.01))
    assert scene.endpointing.wait_ms == expected_ms
    assert [told[2] for told in scene.told] == [pytest.approx(stop)]
    assert ending.asked == []


async def test_a_recogniser_that_does_not_tell_leaves_the_text() -> None:
    scene = Scene(FakeEnding(1.0), weights=WEIGHTS, rules=EAGER)
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English", None)
    assert scene.endpointing.wait_ms == EAGER.sure_ms


async def test_an_ending_of_its_own_is_not_overruled() -> None:
    ending = FakeEnding(1.0)
    scene = Scene(ending)
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "That is all.", "English", MarksAhead(0.01, 0.9))
    assert ending.asked == ["That is all."]
    assert scene.endpointing.wait_ms == RULES.sure_ms


async def test_the_kind_of_the_whole_turn_counts_and_dictation_is_left_to_the_text() -> None:
    ending = FakeEnding(0.2)
    scene = Scene(ending, weights=WEIGHTS, rules=EAGER)
    scene.detector.carried("My number is four five six")
    scene.endpointing.paused(1000)
    await scene.detector.weigh(AUDIO, "seven.", "English", MarksAhead(0.99, 0.001))
    assert ending.asked == ["My number is four five six seven."]
    assert scene.endpointing.wait_ms == EAGER.dictation_ms
