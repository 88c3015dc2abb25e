"""What several processes need of their metrics, beside what prometheus_client keeps for them in files.

It does so where PROMETHEUS_MULTIPROC_DIR is set before it is imported. Counters and histograms are then the sums of all
processes, those that are gone among them; gauges are what their `multiprocess_mode` says, of those that live.
"""

import os
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.multiprocess import MultiProcessCollector

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def of_all_workers() -> CollectorRegistry | None:
    """Return what gathers the metrics of all processes; None where there is this one alone."""
    folder = os.environ.get(_FOLDER)
    if not folder:
        return None
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]  # it has no types
    return registry


class MeasuredGauge:
    """A gauge whose value is looked up when it is asked for; of several processes, when they say so. It is a sum."""

    def __init__(self, name: str, documentation: str, registry: CollectorRegistry) -> None:
        self._gauge = Gauge(name, documentation, registry=registry, multiprocess_mode="livesum")
        self._look: Callable[[], float] = lambda: 0.0

    def measured_by(self, look: Callable[[], float]) -> None:
        """Have `look` return the value."""
        self._look = look
        if _FOLDER not in os.environ:  # files of several processes hold numbers alone
            self._gauge.set_function(look)

    def measure(self) -> None:
        """Look the value up, for the other processes."""
        if _FOLDER in os.environ:
            self._gauge.set(self._look())
