"""P(end of turn) from the text alone."""

import numpy as np
import pytest

from bridge.speech.api import EndOfTurn
from bridge.speech.backends.text_ending import PROBABILITY, TextEnding
from bridge.speech.dictation import Kind

AUDIO = np.zeros(16_000, np.float32)


async def probability(text: str, language: str = "English") -> float:
    ending: EndOfTurn = TextEnding.load()
    return await ending.probability(AUDIO, text, language)


def test_every_kind_of_text_has_a_probability() -> None:
    assert PROBABILITY.keys() == set(Kind)
    assert all(0 < value < 1 for value in PROBABILITY.values())


async def test_a_sentence_is_more_likely_an_end_than_its_beginning() -> None:
    said = ["Please check the", "Please check the number", "Please check the number."]
    assert sorted(values := [await probability(text) for text in said]) == values
    assert len(set(values)) == 3


async def test_answers_and_questions_are_ends_and_dictation_is_none() -> None:
    for text in ("yes", "Is it there?", "jo at gmail dot com"):
        assert await probability(text) > 0.8
    for text in ("555 01", "B A U", "jo at gmail", "um", "my"):
        assert await probability(text) < 0.3


@pytest.mark.parametrize(("text", "language"), [("", ""), ("\x00", "Klingon"), ("?" * 10_000, "English")])
async def test_whatever_it_is_given_it_answers(text: str, language: str) -> None:
    assert 0 < await probability(text, language) < 1


def test_closing_it_is_allowed_twice() -> None:
    ending = TextEnding.load()
    ending.close()
    ending.close()
