import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.backends.repetition import Repetition
from bridge.speech.backends.whisper.rounds import SpeechClock, excess, rounds_said

VOICED = np.full(16_000 * 8, 0.5, np.float32)  # 8 s of speech


def said(begins_s: list[float], ends_s: float = 8.0, clock: SpeechClock | None = None) -> int:
    """Return how many rounds of one token each were said."""
    return rounds_said(Repetition(0, 1, len(begins_s)), begins_s, ends_s=ends_s, clock=clock or SpeechClock(VOICED))


def test_what_was_said_at_an_even_pace_is_counted_as_it_is() -> None:
    assert said([0, 1, 2, 3, 4, 5, 6, 7]) == 8


def test_rounds_that_come_too_fast_at_the_end_were_not_said() -> None:
    assert said([0, 1, 2, 3, 4, 4.6, 5.0, 5.4, 5.8, 6.2, 6.6, 7.0, 7.4]) == 8


def test_a_loop_that_stands_still_at_the_end_is_counted_by_the_time_before() -> None:
    assert said([0, 1, 2, 3, 4, 5, *[7.98] * 60]) == 8


def test_a_pause_is_no_time_of_a_run() -> None:
    paused = VOICED.copy()
    paused[16_000 * 2 : 16_000 * 6] = 0.0  # two digits, four seconds of silence, two digits
    assert said([0, 1, 6, 7], clock=SpeechClock(paused)) == 4


def test_a_run_ends_where_the_next_token_begins() -> None:
    assert rounds_said(Repetition(0, 1, 4), [0, 1, 2, 3, 4, 7.5], ends_s=8.0, clock=SpeechClock(VOICED)) == 4


@pytest.mark.parametrize(
    ("found", "count", "loops", "left_out"),
    [
        (Repetition(0, 2, 16), 5, False, range(10, 16)),
        (Repetition(0, 2, 17), 5, False, range(10, 16)),  # the comma before what follows stays
        (Repetition(0, 2, 17), 5, True, range(10, 17)),
        (Repetition(3, 2, 19), 8, False, range(19, 19)),
    ],
)
def test_whole_rounds_are_left_out(found: Repetition, count: int, loops: bool, left_out: range) -> None:
    assert excess(found, count, loops=loops) == left_out


@given(st.lists(st.floats(0, 10), min_size=4, max_size=60), st.integers(0, 20_000))
def test_at_least_one_round_and_never_more_than_were_written(begins_s: list[float], samples: int) -> None:
    clock = SpeechClock(np.zeros(samples, np.float32))
    assert 1 <= said(sorted(begins_s), samples / 16_000, clock) <= len(begins_s)
