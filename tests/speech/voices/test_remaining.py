"""Where a sentence goes on that broke off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.voices.remaining import ServerPace, rest_of

TEXT = "Your order number has been shipped this morning."


def pace_of(letters_a_second: float) -> ServerPace:
    pace = ServerPace()
    pace.finished("x" * 100, 100 / letters_a_second, "")
    return pace


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
    assert rest_of(TEXT, letters and (letters + 2) / 10, pace_of(10), "") == rest


def test_figures_count_as_they_are_said() -> None:
    text = "It is 1234567 now and here"
    assert rest_of(text, 3.2, pace_of(10), "English").startswith("1234567")


def test_scripts_without_spaces_go_on_with_a_sign() -> None:
    assert rest_of("今日は天気がいいです", 0.55, pace_of(10), "") == "天気がいいです"
    assert rest_of("आपका ऑर्डर भेज दिया गया है", 0.7, pace_of(10), "") == "ऑर्डर भेज दिया गया है"


def test_a_pace_is_the_mean_of_sentences_and_follows_slowly_at_last() -> None:
    pace = ServerPace()
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


@given(st.text(max_size=60), st.floats(0, 20))
def test_the_rest_is_an_end_of_the_text(text: str, said_s: float) -> None:
    assert text.endswith(rest_of(text, said_s, pace_of(10), "English"))
