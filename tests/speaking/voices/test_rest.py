"""What is left to say where a voice failed: a word sooner than too late."""

import pytest

from bridge.speaking.voices.rest import Pace, rest

TEXT = "one two three four five"


@pytest.mark.parametrize(
    ("share", "left"),
    [
        (0.0, TEXT),
        (0.1, TEXT),
        (0.25, "two three four five"),
        (0.65, "four five"),
        (0.99, "five"),
        (1.0, "five"),
        (9.0, "five"),
    ],
)
def test_the_word_under_way_is_said_again(share: float, left: str) -> None:
    assert rest(TEXT, share) == left


def test_of_nothing_nothing_is_left() -> None:
    assert rest("", 0.5) == ""


def test_the_pace_of_a_voice_is_learned_from_what_it_said() -> None:
    pace = Pace()
    assert pace.share_said("x" * 150, made_s=5) == pytest.approx(0.5)
    for _ in range(30):
        pace.learn("x" * 100, took_s=10)
    assert pace.share_said("x" * 150, made_s=5) == pytest.approx(1 / 3, abs=0.02)
    pace.learn("x", took_s=0.0)
    assert (pace.share_said("", made_s=0), pace.share_said("x", made_s=60)) == (1.0, 1.0)
