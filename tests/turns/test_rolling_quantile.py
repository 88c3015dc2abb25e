"""Quantiles of what was measured lately."""

import math
import random

import pytest

from bridge.turns.rolling_quantile import RollingQuantile


def test_before_anything_is_measured_it_answers_with_its_first_guess() -> None:
    assert RollingQuantile(150).quantile(0.99) == 150


def test_one_sample_replaces_the_guess() -> None:
    samples = RollingQuantile(150)
    samples.add(40)
    assert samples.quantile(0.99) == samples.quantile(0.5) == 40


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 100), (0.95, 190), (0.99, 198), (1.0, 200)])
def test_the_quantile_is_a_sample_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    samples = RollingQuantile(0)
    for value in random.Random(3).sample(range(1, 201), 200):
        samples.add(value)
    assert samples.quantile(share) == expected


def test_of_few_samples_the_p99_is_the_greatest() -> None:
    samples = RollingQuantile(0)
    for value in (10, 900, 20):
        samples.add(value)
    assert samples.quantile(0.99) == 900


def test_it_forgets_the_oldest_of_equal_and_unequal_samples_alike() -> None:
    samples, kept = RollingQuantile(0, window=5), list[int]()
    for value in [7, 7, 3, 7, 9, 1, 7, 7, 2, 2, 2, 8, 0, -4, 7]:
        samples.add(value)
        kept = [*kept, value][-5:]
        for share in (0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.99, 1):
            assert samples.quantile(share) == sorted(kept)[max(0, math.ceil(share * len(kept)) - 1)]


def test_a_bad_minute_is_forgotten() -> None:
    samples = RollingQuantile(0, window=10)
    for value in [5000] * 10 + [100] * 10:
        samples.add(value)
    assert samples.quantile(1.0) == 100


@pytest.mark.parametrize("window", [0, -1])
def test_it_must_remember_something(window: int) -> None:
    with pytest.raises(ValueError, match=f"window is {window}"):
        RollingQuantile(0, window=window)
