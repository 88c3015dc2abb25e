"""The wait that costs least."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.turns.expected_cost import PauseLengths, cheapest_wait_ms

USUAL = PauseLengths(median_ms=450)


def wait_ms(probability: float, *, cut_ms: int = 800, pauses: PauseLengths = USUAL, most_ms: int = 800) -> int:
    return cheapest_wait_ms(probability, cut_ms=cut_ms, least_ms=256, most_ms=most_ms, pauses=pauses)


def test_half_of_the_pauses_are_longer_than_the_median_and_fewer_ever_after() -> None:
    assert USUAL.longer_than(450) == pytest.approx(0.5)
    shares = [USUAL.longer_than(ms) for ms in (0, 100, 300, 450, 800, 2000)]
    assert all(more > fewer for more, fewer in pairwise(shares))


def test_a_sure_end_is_answered_at_once_and_a_sure_pause_waited_out() -> None:
    assert wait_ms(1.0) == 256
    assert wait_ms(0.0) == 800


def test_the_surer_the_end_the_shorter_the_wait() -> None:
    waits = [wait_ms(share / 100) for share in range(101)]
    assert all(before >= after for before, after in pairwise(waits))
    assert len(set(waits)) > 4, "it is no step"


def test_who_must_not_be_cut_short_is_waited_for() -> None:
    assert wait_ms(0.5, cut_ms=1600) > wait_ms(0.5, cut_ms=400)


def test_a_caller_of_long_pauses_is_waited_for_longer() -> None:
    assert wait_ms(0.4, pauses=PauseLengths(median_ms=600), most_ms=2000) > wait_ms(0.4, most_ms=2000)


@given(st.floats(0, 1), st.integers(1, 100_000), st.integers(100, 10_000), st.integers(100, 10_000))
def test_the_limits_hold(p: float, cut_ms: int, least_ms: int, most_ms: int) -> None:
    found = cheapest_wait_ms(p, cut_ms=cut_ms, least_ms=least_ms, most_ms=most_ms, pauses=USUAL)
    assert least_ms <= found <= max(least_ms, most_ms)
