from typing import Any

import pytest

from bot.api import Bot, CallInfo, CallNote, Expect, Final, Heard, Partial, Say, Turn
from bot.notes import MOST_NOTES

CALL = CallInfo("call-1")


async def test_a_bot_without_hooks_says_nothing() -> None:
    bot = Bot()
    assert [text async for text in bot.on_call(CALL)] == []
    assert [text async for text in bot.reply(Turn(CALL, "Hello?", "English"))] == []


async def test_a_bot_without_hooks_takes_all_that_happens_in_a_call() -> None:
    bot = Bot()
    await bot.on_partial(Partial("Hel", "English"))
    await bot.on_final(Final("Hello?", "English", began_ms=100, ended_ms=900))
    await bot.on_dtmf("#")
    await bot.on_interrupted(Heard("Thank you for"))
    await bot.on_end("caller hung up")


def test_a_cue_is_kept_until_it_is_taken_once() -> None:
    class Own(Bot):
        def __init__(self, *, cued: bool) -> None:  # and none of ours
            if cued:
                self.cue()

    eager, patient = Own(cued=True), Own(cued=False)
    assert [eager.take_cue(), eager.take_cue(), patient.take_cue()] == [True, False, False]
    patient.cue()
    patient.cue()
    assert [patient.take_cue(), patient.take_cue(), eager.take_cue()] == [True, False, False]


async def test_a_bot_overrides_only_what_it_needs() -> None:
    class Counter(Bot):
        digits = ""

        async def on_dtmf(self, digit: str) -> None:
            self.digits += digit

    first, second = Counter(), Counter()
    await first.on_dtmf("1")
    await first.on_dtmf("2")
    await first.on_end("hung up")
    assert (first.digits, second.digits) == ("12", "")


def test_a_call_says_no_more_than_is_known() -> None:
    assert (CALL.caller, CALL.callee, dict(CALL.parameters)) == ("", "", {})


def test_what_is_said_may_say_what_is_expected_next() -> None:
    said = Say("What is your number?", expect="digits", digits=8)
    assert said == "What is your number?"
    assert (said.expect, said.digits, said.interruptible) == (Expect.DIGITS, 8, True)
    assert Say("Hello.").expect is Expect.ANYTHING


@pytest.mark.parametrize(
    ("wrong", "told"), [({"expect": "dgits"}, "dgits.*must be one of anything"), ({"digits": -1}, "-1")]
)
def test_nobody_expects_what_does_not_exist(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Say("Well?", **wrong)


def test_notes_are_taken_once_and_the_newest_of_too_many_stay() -> None:
    bot = Bot()
    bot.note("booked", "Tuesday", table=4)
    assert bot.take_notes() == [CallNote("booked", "Tuesday", {"table": 4})]
    assert not bot.take_notes()
    for number in range(MOST_NOTES + 5):
        bot.note(f"{number}")
    assert [note.name for note in bot.take_notes()][:1] == ["5"]
