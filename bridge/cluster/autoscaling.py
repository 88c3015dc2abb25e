"""How many replicas the pool should have. Pure; Ray Serve asks, keeps to the limits, and waits before it follows."""

from collections.abc import Mapping
from typing import Final, Protocol

QUEUE_WAIT: Final = "queue_wait_s"
"""What a replica reports: how long decodes waited there for the engine, p95 in seconds."""
WAIT_TARGET_S: Final = 0.1
"""A caller hears a final that waits longer than this as hesitation."""
MOST_GROWTH: Final = 2.0
"""Replicas for each there is now, at most: waits say that it is too few, and not by how many."""


class Target(Protocol):
    """What of Ray's AutoscalingConfig counts here."""

    def get_target_ongoing_requests(self) -> float: ...


class PoolLoad(Protocol):
    """What of Ray's AutoscalingContext counts here."""

    current_num_replicas: int
    target_num_replicas: int
    config: Target

    @property
    def total_num_requests(self) -> float: ...
    @property
    def aggregated_metrics(self) -> Mapping[str, Mapping[object, float]] | None: ...


def ongoing_and_wait(load: PoolLoad) -> tuple[float, dict[str, object]]:
    """Return how many replicas are wanted, and no state: the larger of what decodes in hand and their waits ask for."""
    now = load.current_num_replicas
    if not now:
        return load.target_num_replicas, {}
    wanted = load.total_num_requests / load.config.get_target_ongoing_requests()
    waits_s = (load.aggregated_metrics or {}).get(QUEUE_WAIT, {})
    wait_s = sum(waits_s.values()) / len(waits_s) if waits_s else 0.0
    if wait_s > WAIT_TARGET_S:
        wanted = max(wanted, now * min(MOST_GROWTH, wait_s / WAIT_TARGET_S))
    return wanted, {}
