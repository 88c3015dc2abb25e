"""What becomes of the spans of traces."""

from prometheus_client import CollectorRegistry, Counter

from bridge.metrics.measured import MeasuredGauge


class TraceMetrics:
    """Spans of `--otel-endpoint`. All methods but `__init__` are called from the thread that sends them, too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = MeasuredGauge("bridge_trace_spans_waiting", "Spans that are not sent yet.", registry)
        self.sent = Counter("bridge_trace_spans_sent", "Spans that the collector has taken.", registry=registry)
        self.lost = Counter(
            "bridge_trace_spans_lost",
            "Spans that were dropped: too many waited, or the collector did not take them.",
            ["reason"],
            registry=registry,
        )
