"""From the text of a reply to the sentences that are spoken."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from bot.api import Say
from bridge.speaking.script import script


async def sentences(*texts: str, language: str = "English") -> list[Say]:
    async def reply() -> AsyncIterator[str]:
        for text in texts:
            yield text

    async with aclosing(script(reply(), language)) as found:
        return [sentence async for sentence in found]


THOUGHTS = "<think>\nI must be secretive.\n</think>\n\nWe open at nine.<|im_end|>"


@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_thoughts_and_marks_are_in_no_sentence(size: int) -> None:
    pieces = [THOUGHTS[at : at + size] for at in range(0, len(THOUGHTS), size)]
    assert await sentences(*pieces) == ["We open at nine."]


async def test_what_was_not_spoken_yet_is_taken_back_by_a_lone_end_of_thoughts() -> None:
    assert await sentences("I must be secretive", ".</think>", "We open at nine.") == ["We open at nine."]
    assert await sentences("I must be secretive.</think>We open at nine.") == ["We open at nine."]


async def test_a_sentence_that_may_not_be_interrupted_has_no_thoughts_either() -> None:
    [said] = await sentences("", Say("<think>hm</think>Please hold.", interruptible=False))
    assert (said, said.interruptible) == ("Please hold.", False)


async def test_a_call_of_a_tool_that_leaks_into_the_text_is_not_spoken() -> None:
    assert await sentences('One moment. {"name": "look_up", ', '"arguments": {"order": 5}} Here it is.') == [
        "One moment.",
        "Here it is.",
    ]


async def test_sentences_are_cut_by_the_rules_of_their_language() -> None:
    text = "Ihr Termin ist am 16. Januar 2026. Bitte bringen Sie z. B. Ihren Ausweis mit."
    assert await sentences(text, language="de-DE") == [
        "Ihr Termin ist am 16. Januar 2026.",
        "Bitte bringen Sie z. B. Ihren Ausweis mit.",
    ]


async def test_pieces_that_the_same_interrupts_are_one_sentence_and_others_are_not() -> None:
    legal = [Say(text, interruptible=False, goes_on=True) for text in ("This call ", "is recorded. ", "You ", "agree.")]
    found = await sentences("Hello ", *legal, Say("Well ", keys_interrupt=True, goes_on=True), "then.")
    assert [(str(each), each.interruptible, each.keys_interrupt) for each in found] == [
        ("Hello", True, False),
        ("This call is recorded.", False, False),
        ("You agree.", False, False),
        ("Well", True, True),
        ("then.", True, False),
    ]


async def test_thoughts_in_pieces_are_in_no_sentence() -> None:
    pieces = [Say(THOUGHTS[at : at + 5], keys_interrupt=True, goes_on=True) for at in range(0, len(THOUGHTS), 5)]
    assert await sentences(*pieces) == ["We open at nine."]
