"""What is expected behind the last word."""

import math

import numpy as np
import pytest
from tokenizers import Tokenizer

from bridge.speech.backends.models import find_whisper
from bridge.speech.backends.whisper.marks import MarkTokens
from bridge.speech.backends.whisper.text import WhisperText

WORD, STOP, QUESTION, COMMA, DOTS, END = range(6)
LIKELY, UNLIKELY = math.log(0.6), math.log(0.08)


class FakeVocabulary:
    """Six tokens."""

    def token_of(self, written: str, /) -> int | None:
        return {".": STOP, "?": QUESTION, ",": COMMA, "...": DOTS}.get(written)


MARKS = MarkTokens(FakeVocabulary())


def logits(likely: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    row = np.full(6, UNLIKELY, np.float32)
    row[likely] = LIKELY
    return row


@pytest.mark.parametrize("written", [[WORD, STOP], [WORD, STOP, STOP], [WORD]])
def test_what_the_last_word_was_followed_by_counts_however_the_text_ends(written: list[int]) -> None:
    rows = [logits(WORD), logits(STOP), *(logits(END) for _ in written[1:])]
    found = MARKS.ahead(written, rows)
    assert found
    assert found.stop == pytest.approx(0.68)
    assert found.comma == pytest.approx(0.08)


def test_a_question_mark_is_a_stop_and_dots_are_not() -> None:
    asked = MARKS.ahead([WORD, QUESTION], [logits(WORD), logits(QUESTION), logits(END)])
    trailing = MARKS.ahead([WORD, DOTS], [logits(WORD), logits(DOTS), logits(END)])
    assert asked
    assert trailing
    assert asked.stop == pytest.approx(0.68)
    assert trailing.stop == pytest.approx(0.16)


def test_a_comma_that_was_not_written_is_seen_too() -> None:
    found = MARKS.ahead([WORD, STOP], [logits(WORD), logits(COMMA), logits(END)])
    assert found
    assert found.comma == pytest.approx(0.6)


@pytest.mark.parametrize("written", [[], [STOP], [STOP, COMMA]])
def test_no_word_tells_nothing(written: list[int]) -> None:
    assert MARKS.ahead(written, [logits(STOP) for _ in range(len(written) + 1)]) is None


def test_words_without_what_chose_them_tell_nothing() -> None:
    assert MARKS.ahead([WORD, WORD, STOP], [logits(WORD)]) is None
    assert MARKS.ahead([WORD, STOP], [logits(WORD), np.full(6, np.nan)]) is None


def test_a_real_vocabulary_has_its_marks_as_tokens_and_the_danda_as_two() -> None:
    text = WhisperText(Tokenizer.from_file(str(find_whisper("tiny.en").folder / "tokenizer.json")), multilingual=False)
    assert all(text.token_of(mark) is not None for mark in (".", "?", "!", ",", "...", "\u3002"))
    assert text.token_of("\u0964") is None
