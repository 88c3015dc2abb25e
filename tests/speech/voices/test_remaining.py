"""Where a sentence goes on that broke off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.voices.remaining import Pace, rest_of

TEXT = "Your order number has been shipped this morning."


def pace_of(letters_a_second: float) -> Pace:
    pace = Pace()
    pace.finished("x" * 100, 100 / letters_a_second, "")
    return pace


def left(text: str, said_s: float, language: str) -> str:
    """Return what is left to say where a voice of ten letters a second broke off after `said_s` seconds."""
    return rest_of(text, pace_of(10).share_said(text, said_s, language), language)


@pytest.mark.parametrize(
    ("letters", "rest"),
    [
        (0, TEXT),
        (2, TEXT),  # in "Your"
        (4.1, "order number has been shipped this morning."),
        (10, "number has been shipped this morning."),
        (16, "has been shipped this morning."),
        (40, "morning."),  # in the last word
        (41.5, ""),
        (90, ""),
    ],
)
def test_it_goes_on_with_the_word_in_which_it_broke_off(letters: float, rest: str) -> None:
    assert left(TEXT, letters and (letters + 2) / 10, "") == rest


def test_figures_count_as_they_are_said() -> None:
    text = "It is 1234567 now and here"
    assert left(text, 3.2, "English").startswith("1234567")


def test_scripts_without_spaces_go_on_with_a_sign() -> None:
    assert left("今日は天気がいいです", 0.55, "") == "天気がいいです"
    assert left("आपका ऑर्डर भेज दिया गया है", 0.7, "") == "ऑर्डर भेज दिया गया है"


def test_a_pace_is_the_mean_of_sentences_and_follows_slowly_at_last() -> None:
    pace = Pace()
    pace.finished("x" * 20, 1.0, "")
    assert pace.letters_a_second == 20
    pace.finished("x" * 10, 1.0, "")
    assert pace.letters_a_second == pytest.approx(15)
    pace.finished("x", 3.0, "")
    pace.finished("x" * 50, 0.0, "")
    assert pace.letters_a_second == pytest.approx(15)
    for _ in range(100):
        pace.finished("x" * 20, 1.0, "")
    assert 19.5 < pace.letters_a_second < 20


def test_the_rest_of_a_share_may_be_that_of_another_wording() -> None:
    assert rest_of("one two three four five", 0.4, "") == "three four five"
    assert rest_of("eins zwei drei vier", 0.4, "") == "zwei drei vier"
    assert (rest_of("", 0.5, ""), rest_of("one", 1.0, ""), Pace().share_said("", 0, "")) == ("", "", 1.0)


@given(st.text(max_size=60), st.floats(0, 20))
def test_the_rest_is_an_end_of_the_text(text: str, said_s: float) -> None:
    assert text.endswith(left(text, said_s, "English"))
