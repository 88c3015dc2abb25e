"""The wait that costs least."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.turns.expected_cost import CostRules, cheapest_wait_ms, share_longer


def wait_ms(probability: float, *, cut_ms: int = 800, own_pause_ms: int = 0, most_ms: int = 800) -> int:
    rules = CostRules(least_ms=256, most_ms=most_ms, pause_ms=450)
    return cheapest_wait_ms(probability, cut_ms=cut_ms, rules=rules, own_pause_ms=own_pause_ms)


def test_half_of_the_pauses_are_longer_than_the_middle_one_and_fewer_ever_after() -> None:
    assert share_longer(450, middle_ms=450) == pytest.approx(0.5)
    shares = [share_longer(ms, middle_ms=450) for ms in (0, 100, 300, 450, 800, 2000)]
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
    assert wait_ms(0.4, own_pause_ms=600, most_ms=2000) > wait_ms(0.4, most_ms=2000)


@given(st.floats(0, 1), st.integers(1, 100_000), st.integers(100, 10_000), st.integers(100, 10_000))
def test_the_limits_hold(p: float, cut_ms: int, least_ms: int, most_ms: int) -> None:
    found = cheapest_wait_ms(p, cut_ms=cut_ms, rules=CostRules(least_ms=least_ms, most_ms=most_ms))
    assert least_ms <= found <= max(least_ms, most_ms)


@pytest.mark.parametrize("wrong", [{"least_ms": 99}, {"most_ms": 10_001}, {"pause_ms": 0}])
def test_limits_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CostRules(**wrong)
