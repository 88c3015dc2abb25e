"""Pauses between restarts."""

import itertools

from bridge.backoff import Backoff


def test_each_pause_is_twice_the_one_before_up_to_half_a_minute() -> None:
    backoff = Backoff(0.2, steady_s=60)
    pauses = [backoff.failed(0.0) for _ in range(10)]
    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-2:] == [30.0, 30.0]


def test_after_a_time_of_service_the_pauses_begin_anew() -> None:
    backoff = Backoff(1, steady_s=60)
    assert [backoff.failed(0.0), backoff.failed(0.0)] == [1, 2]
    backoff.ready(10.0)
    assert backoff.failed(69.9) == 4, "it was not steady"
    backoff.ready(100.0)
    assert backoff.failed(160.0) == 1


def test_service_counts_once_so_that_what_never_comes_back_is_not_tried_faster() -> None:
    backoff = Backoff(1, steady_s=60)
    backoff.ready(0.0)
    pauses = [backoff.failed(now_s) for now_s in itertools.accumulate([100.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0])]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_what_has_no_time_to_prove_itself_begins_anew_at_once() -> None:
    backoff = Backoff(1, steady_s=0)
    assert [backoff.failed(0.0), backoff.failed(0.0)] == [1, 2]
    backoff.ready(5.0)
    assert backoff.failed(5.0) == 1
