"""What becomes of the records of calls."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from bridge.metrics.measured import MeasuredGauge


class RecordMetrics:
    """What becomes of the records of calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.backlog = Gauge(
            "bridge_records_backlog_bytes",
            "Call records on disk that the database lacks.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.waiting = MeasuredGauge(
            "bridge_records_waiting", "Entries of call records in memory, not yet on disk.", registry
        )
        self.events = Counter("bridge_events", "Events that the webhook of events took.", registry=registry)
        self.events_given_up = Counter(
            "bridge_events_given_up", "Calls of which the webhook of events took no more for a day.", registry=registry
        )
        self.lost = Counter("bridge_records_lost", "Entries of call records that were dropped.", registry=registry)
