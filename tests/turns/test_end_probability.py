"""P(the caller is done) from marks and kind of text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import MarksAhead
from bridge.speech.dictation import Kind
from bridge.turns.end_probability import END_WEIGHTS, EndWeights

PLAIN = EndWeights(intercept=0.0, stop=1.0, comma=-0.5, kinds={Kind.QUESTION: -2.0, Kind.OPEN: 0.0})
SHARES = st.floats(0, 1)


def test_the_odds_are_the_sum_of_what_each_sign_counts() -> None:
    marks = MarksAhead(stop=0.8, comma=0.01)
    expected = math.log(4) - 0.5 * math.log(0.01) - 2.0
    assert PLAIN.probability(marks, Kind.QUESTION) == pytest.approx(1 / (1 + math.exp(-expected)))


@pytest.mark.parametrize("kind", [Kind.ANSWER, Kind.DIGITS, Kind.UNFINISHED, Kind.NOTHING])
def test_a_kind_that_tells_by_itself_is_not_judged(kind: Kind) -> None:
    assert END_WEIGHTS.probability(MarksAhead(stop=0.9, comma=0.001), kind) is None


JUDGED = (Kind.FINISHED, Kind.QUESTION, Kind.OPEN)


def judged(stop: float, comma: float, kind: Kind = Kind.FINISHED) -> float:
    found = END_WEIGHTS.probability(MarksAhead(stop, comma), kind)
    assert found is not None
    return found


@given(SHARES, SHARES, st.sampled_from(JUDGED))
def test_it_is_a_probability_whatever_the_recogniser_says(stop: float, comma: float, kind: Kind) -> None:
    assert 0 < judged(stop, comma, kind) < 1


@given(SHARES, SHARES, SHARES)
def test_the_shipped_weights_believe_a_full_stop_and_doubt_a_comma(a: float, b: float, other: float) -> None:
    less, more = sorted((a, b))
    assert judged(less, other) <= judged(more, other)
    assert judged(other, less) >= judged(other, more)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("stop = 1\ncomma = 1", "intercept is None"),
        ("intercept = true\nstop = 1\ncomma = 1", "intercept is True"),
        ("intercept = nan\nstop = 1\ncomma = 1", "intercept is nan"),
        ("intercept = 0\nstop = '1'\ncomma = 1", "stop is '1'"),
        ("intercept = 0\nstop = 1\ncomma = 1\n[kinds]\nopen = inf", "kinds.open is inf"),
        ("intercept = 0\nstop = 1\ncomma = 1\n[kinds]\nshut = 1", "shut"),
        ("kinds = 3\nintercept = 0\nstop = 1\ncomma = 1", "kinds is 3"),
        ("[", "at line|at end"),
    ],
)
def test_weights_that_are_none_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EndWeights.read(text)
