"""Slow bots, impatient callers and lost recognisers, in virtual time: the caller always hears something soon."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from virtual import run
from virtual_call import Outage, PhoneLine, Rules, Speaks, carry

from bot.actions import Action
from bot.api import Bot, Final, Heard, Say, Turn

pytestmark = pytest.mark.heavy

RULES = Rules(limit_s=5, filler_after_s=2, no_input_s=4)
LONGEST_SILENCE_S = RULES.no_input_s + RULES.filler_after_s + 3
"""Nearly asked whether they are there, the caller says a word over nothing, and waits for the filler. While no engine
tells that their turn is over it takes 2.5 s of silence."""
FILLER, SORRY, ASKED = "One moment, please.", "Sorry.", "Are you still there?"
ANSWER = "Your balance is five euros."


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Bots that break do so loudly."""
    log = logging.getLogger("bridge")
    level = log.level
    log.setLevel(logging.CRITICAL)
    yield
    log.setLevel(level)


class SlowBot(Bot):
    """Needs a while for each answer."""

    def __init__(self, needs_s: float, *answers: str) -> None:
        self._needs_s, self._answers = needs_s, list(answers)
        self.asked: list[Turn] = []

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        self.asked.append(turn)
        await asyncio.sleep(self._needs_s)
        yield self._answers.pop(0) if self._answers else ANSWER


def first(line: PhoneLine, text: str) -> float:
    """Return when the caller first heard `text`, infinity is never."""
    return next((at_s for at_s, heard in line.heard if heard == text), float("inf"))


def texts(line: PhoneLine) -> list[str]:
    return [text for _, text in line.heard]


# ---------------------------------------------------------------- a slow answer


def test_a_caller_who_only_checks_the_line_does_not_starve_a_slow_answer() -> None:
    bot = SlowBot(6.5)
    checks = [Speaks(at_s=5 + 3 * n, text="Hello? Are you still there?") for n in range(8)]
    line, _ = run(carry(bot, [Speaks(at_s=1, text="What is my balance?"), *checks[:2]], hangs_up_s=20))
    assert [turn.text for turn in bot.asked] == ["What is my balance?"]
    assert first(line, ANSWER) < 11
    line, _ = run(carry(SlowBot(6.5), [Speaks(at_s=1, text="What is my balance?"), *checks], hangs_up_s=40))
    assert first(line, ANSWER) < 11


def test_the_filler_comes_though_the_caller_goes_on_asking() -> None:
    script = [Speaks(at_s=1, text="What is my balance?")]
    script += [Speaks(at_s=4 + 2.5 * n, text=f"I mean account {n}.") for n in range(2)]
    bot = SlowBot(6.5)
    line, _ = run(carry(bot, script, hangs_up_s=25))
    assert len(bot.asked) == 3
    assert first(line, FILLER) < 2.5 + 4 + 1.5, "4 s after the first turn, at the next moment in which they are silent"


def test_who_asks_whether_somebody_is_there_hears_the_filler_at_once() -> None:
    script = [Speaks(at_s=1, text="What is my balance?"), Speaks(at_s=3, text="Hello?", lasts_s=0.6)]
    line, _ = run(carry(SlowBot(6.5), script, hangs_up_s=20))
    assert first(line, FILLER) < 4.3


def test_a_reply_is_begun_anew_twice_and_then_comes_to_its_end() -> None:
    bot = SlowBot(6.5)
    script = [Speaks(at_s=1, text="What is my balance?")]
    script += [Speaks(at_s=5 + 3 * n, text=f"I mean account {n}.") for n in range(8)]
    line, _ = run(carry(bot, script, hangs_up_s=60))
    assert bot.asked[2].text == "What is my balance? I mean account 0. I mean account 1."
    assert first(line, ANSWER) < 16.5
    assert bot.asked[3].text.startswith("I mean account 2."), "what was said meanwhile is answered next"
    said = " ".join(turn.text for turn in (bot.asked[2], *bot.asked[3:]))
    assert all(f"account {n}" in said for n in range(8))


def test_the_reply_that_finishes_is_not_cut_before_a_sentence_of_it_was_heard() -> None:
    bot = SlowBot(6.5, *(f"{ANSWER} And here is more of it, for a good while yet." for _ in range(3)))
    script = [Speaks(at_s=1, text="What is my balance?")]
    script += [Speaks(at_s=4 + 2 * n, text="No, the other one!", lasts_s=1.0) for n in range(7)]
    line, _ = run(carry(bot, script, hangs_up_s=60))
    lines = [line.text for turn in bot.asked for line in turn.history]
    assert any(line.startswith(ANSWER) for line in lines), "history holds what was heard"
    assert first(line, ANSWER) < 16.5


def test_a_check_that_nothing_answers_is_a_question_like_others() -> None:
    class Mute(SlowBot):
        async def reply(self, turn: Turn) -> AsyncIterator[str]:
            self.asked.append(turn)
            await asyncio.sleep(3)
            if len(self.asked) > 1:
                yield "Yes, I am."

    bot = Mute(3)
    script = [Speaks(at_s=1, text="Hm, let me think."), Speaks(at_s=3, text="Hello? Are you there?")]
    line, _ = run(carry(bot, script, hangs_up_s=20))
    assert [turn.text for turn in bot.asked] == ["Hm, let me think.", "Hello? Are you there?"]
    assert first(line, "Yes, I am.") < 9


def test_hello_over_words_that_are_heard_interrupts_as_ever() -> None:
    bot = SlowBot(0.1, " ".join(["word"] * 60))
    script = [Speaks(at_s=1, text="Tell me all."), Speaks(at_s=3.5, text="Hello?", lasts_s=0.6)]
    run(carry(bot, script, hangs_up_s=12))
    assert [turn.text for turn in bot.asked] == ["Tell me all.", "Hello?"]


# ---------------------------------------------------------------- a lost recogniser


def lost(lasts_s: float, *, at_s: float = 3.0, ahead_ms: int = 60_000) -> Rules:
    return Rules(outages=[Outage(at_s=at_s, lasts_s=lasts_s)], ahead_ms=ahead_ms)


LONG_ANSWER = " ".join(["word"] * 100)  # 5 s


@pytest.mark.parametrize("ahead_ms", [60_000, 200])
@pytest.mark.parametrize("lasts_s", [0.3, 0.8, 1.5, 3.0])
def test_with_no_engine_a_barge_in_is_told_that_something_went_wrong(lasts_s: float, ahead_ms: int) -> None:
    script = [Speaks(at_s=1, text="Tell me all."), Speaks(at_s=3.5, text="Wait, please.", lasts_s=lasts_s)]
    bot = SlowBot(0.1, LONG_ANSWER)
    line, _ = run(carry(bot, script, hangs_up_s=40, rules=lost(25, ahead_ms=ahead_ms)))
    assert first(line, SORRY) < 10
    assert line.longest_silence_s < 12
    assert bot.asked[-1].text == "Wait, please.", "the engine came back"


def test_an_apology_that_the_caller_spoke_over_comes_again() -> None:
    script = [
        Speaks(at_s=1, text="Tell me all."),
        Speaks(at_s=3.5, text="", lasts_s=0.3),
        Speaks(at_s=4.6, text="What?", lasts_s=1.5),
    ]
    line, _ = run(carry(SlowBot(0.1, LONG_ANSWER), script, hangs_up_s=25, rules=lost(60, ahead_ms=200)))
    assert 6.6 < first(line, SORRY) < 7.2, "half a second after their last word their turn is over, and the line free"


def test_a_caller_who_is_not_understood_for_want_of_an_engine_is_not_taken_for_silent() -> None:
    script = [Speaks(at_s=1, text="Tell me."), *(Speaks(at_s=9 + 6 * n, text="Hello?") for n in range(3))]
    line, _ = run(carry(SlowBot(0.1), script, hangs_up_s=30, rules=lost(60, at_s=5)))
    assert texts(line).count(SORRY) == 1
    assert line.longest_silence_s <= 8.5


# ---------------------------------------------------------------- all of it at once


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Break:
    """The bot raises."""


Piece = str | Wait | Break

pieces = st.one_of(
    st.sampled_from(["Hello there.", "One", " moment", "Is that all?", "", " ", "\u2026", LONG_ANSWER]),
    st.just(Say("Legal.", interruptible=False)),
    st.builds(Wait, st.floats(0.01, 12)),
    st.builds(Break),
)
answers = st.lists(st.lists(pieces, max_size=4), max_size=5)


class Erratic(Bot):
    """Does in each turn what is written, and ends each answer with a word."""

    def __init__(self, turns: Sequence[Sequence[Piece]], *, hooks_s: float) -> None:
        self._turns, self._hooks_s = list(turns), hooks_s
        self.finals: list[str] = []

    async def reply(self, turn: Turn) -> AsyncIterator[str | Action]:
        for piece in self._turns.pop(0) if self._turns else ():
            match piece:
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Break():
                    raise RuntimeError("the bot broke")
                case _:
                    yield piece
        yield " Yes."

    async def on_final(self, final: Final) -> None:
        await asyncio.sleep(self._hooks_s)
        self.finals.append(final.text)

    async def on_interrupted(self, heard: Heard) -> None:
        await asyncio.sleep(self._hooks_s)


speeches = st.lists(
    st.tuples(
        st.floats(0.3, 8),
        st.sampled_from(["", "yes", "stop", "mm-hm", "Hello? Are you there?", "I would like to know more about it"]),
        st.floats(0.1, 3),
    ),
    min_size=1,
    max_size=6,
)
outages = st.lists(st.tuples(st.floats(0.1, 8), st.floats(0.1, 25)), max_size=2)


@example(turns=[], spoken=[(1, "yes", 3.0), (1.1, "", 2.3)], gone=[(1.3, 22.9)], hooks_s=0, ahead_ms=1000)
@example(
    turns=[[Wait(9.0)]], spoken=[(1, "yes", 2), (4, "", 1), (3, "mm-hm", 2)], gone=[(8, 20)], hooks_s=0, ahead_ms=200
)
@given(
    turns=answers,
    spoken=speeches,
    gone=outages,
    hooks_s=st.sampled_from([0, 3]),
    ahead_ms=st.sampled_from([60_000, 200]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_whatever_fails_at_once_the_caller_hears_something_in_time(
    turns: list[list[Piece]],
    spoken: list[tuple[float, str, float]],
    gone: list[tuple[float, float]],
    hooks_s: float,
    ahead_ms: int,
) -> None:
    script, at_s = list[Speaks](), 0.0
    for pause_s, text, lasts_s in spoken:
        script.append(Speaks(at_s=at_s + pause_s, text=text, lasts_s=lasts_s))
        at_s += pause_s + lasts_s
    lost, from_s = list[Outage](), 0.0
    for after_s, lasts_s in gone:
        lost.append(Outage(at_s=from_s + after_s, lasts_s=lasts_s))
        from_s += after_s + lasts_s
    rules = Rules(limit_s=RULES.limit_s, filler_after_s=RULES.filler_after_s, no_input_s=RULES.no_input_s)
    rules.outages, rules.ahead_ms = lost, ahead_ms
    line, _ = run(carry(Erratic(turns, hooks_s=hooks_s), script, hangs_up_s=at_s + 30, rules=rules))
    assert line.longest_silence_s <= LONGEST_SILENCE_S
