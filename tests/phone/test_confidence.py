"""Intervals of the benchmark's figures."""

import numpy as np
import pytest
from phone.confidence import quantile, share


def test_a_quantile_has_an_interval_that_holds_the_true_one_nineteen_times_in_twenty() -> None:
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        found = quantile(rng.normal(500, 60, size=40).tolist(), 0.5)
        assert found
        held += found.low <= 500 <= found.high
    assert 178 <= held <= 200


def test_the_same_values_give_the_same_interval() -> None:
    values = [400.0, 420.0, 500.0, 3000.0]
    assert quantile(values, 0.95) == quantile(values, 0.95)
    assert quantile([], 0.5) is None


@pytest.mark.parametrize(
    ("true", "n", "low", "high"),
    [(0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (10, 20, 0.299, 0.701), (1, 1, 0.207, 1.0)],
)
def test_a_share_is_never_surer_than_its_count(true: int, n: int, low: float, high: float) -> None:
    found = share([True] * true + [False] * (n - true))
    assert found
    assert (found.value, found.n) == (true / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)


def test_nothing_has_no_share() -> None:
    assert share([]) is None
