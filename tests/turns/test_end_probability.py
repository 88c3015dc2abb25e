"""P(the caller is done) from marks and kind of text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import MarksAhead
from bridge.speech.dictation import Kind
from bridge.turns.end_probability import END_WEIGHTS, EndWeights

PLAIN = EndWeights(intercept=0.0, stop=1.0, comma=-0.5, kinds={Kind.UNFINISHED: -2.0})
SHARES = st.floats(0, 1)


def test_the_odds_are_the_sum_of_what_each_sign_counts() -> None:
    marks = MarksAhead(stop=0.8, comma=0.01)
    expected = math.log(4) - 0.5 * math.log(0.01) - 2.0
    assert PLAIN.probability(marks, Kind.UNFINISHED) == pytest.approx(1 / (1 + math.exp(-expected)))


def test_a_kind_without_a_weight_changes_nothing() -> None:
    half = MarksAhead(stop=0.5, comma=1.0)
    assert PLAIN.probability(half, Kind.OPEN) == pytest.approx(0.5, abs=1e-3)


@given(SHARES, SHARES, st.sampled_from(Kind))
def test_it_is_a_probability_whatever_the_recogniser_says(stop: float, comma: float, kind: Kind) -> None:
    assert 0 < END_WEIGHTS.probability(MarksAhead(stop, comma), kind) < 1


@given(SHARES, SHARES, SHARES)
def test_the_shipped_weights_believe_a_full_stop_and_doubt_a_comma(a: float, b: float, other: float) -> None:
    less, more = sorted((a, b))

    def by_stop(stop: float) -> float:
        return END_WEIGHTS.probability(MarksAhead(stop, other), Kind.FINISHED)

    def by_comma(comma: float) -> float:
        return END_WEIGHTS.probability(MarksAhead(other, comma), Kind.FINISHED)

    assert by_stop(less) <= by_stop(more)
    assert by_comma(less) >= by_comma(more)


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
