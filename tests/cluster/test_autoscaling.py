"""How many replicas a pool should have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from bridge.cluster.autoscaling import QUEUE_WAIT, Target, ongoing_and_wait


class Two:
    def get_target_ongoing_requests(self) -> float:
        return 2.0


@dataclass
class Now:
    total_num_requests: float
    aggregated_metrics: Mapping[str, Mapping[object, float]] | None = None
    current_num_replicas: int = 4
    target_num_replicas: int = 5
    config: Target = field(default_factory=Two)


@pytest.mark.parametrize(("in_hand", "wanted"), [(0, 0), (8, 4), (9, 4.5), (16, 8)])
def test_decodes_in_hand_ask_for_replicas(in_hand: float, wanted: float) -> None:
    assert ongoing_and_wait(Now(in_hand)) == (wanted, {})


def test_decodes_that_wait_ask_for_more_and_at_most_for_twice_as_many() -> None:
    def waits(*seconds: float) -> Mapping[str, Mapping[object, float]]:
        return {QUEUE_WAIT: dict(enumerate(seconds))}

    assert ongoing_and_wait(Now(4, waits(0.05, 0.09)))[0] == 2
    assert ongoing_and_wait(Now(4, waits(0.15, 0.15)))[0] == pytest.approx(6)
    assert ongoing_and_wait(Now(4, waits(9.0)))[0] == 8
    assert ongoing_and_wait(Now(40, waits(0.15)))[0] == 20


def test_before_there_is_a_replica_the_target_stays() -> None:
    assert ongoing_and_wait(Now(7, {}, current_num_replicas=0)) == (5, {})
