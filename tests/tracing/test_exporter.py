"""Spans on their way: never in anybody's way, bounded, and what is lost is counted."""

import threading
from collections.abc import Sequence

from bridge.metrics import Metrics
from bridge.tracing.exporter import SpanExporter
from bridge.tracing.spans import EndedSpan


class Far:
    """A collector that takes spans, refuses them, or hangs until it is closed."""

    def __init__(self, *, takes: bool = True, hangs: bool = False) -> None:
        self.takes, self.spans = takes, list[EndedSpan]()
        self.free, self.asked = threading.Event(), threading.Event()
        if not hangs:
            self.free.set()

    def send(self, spans: Sequence[EndedSpan], /) -> bool:
        self.asked.set()
        self.free.wait(10)
        self.spans += spans if self.takes else []
        return self.takes

    def close(self) -> None:
        self.takes = False
        self.free.set()


def a_span(number: int) -> EndedSpan:
    return EndedSpan(name="call", trace_id=1, span_id=number, began_ns=1, ended_ns=2)


def counted(metrics: Metrics) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in metrics.text().decode().splitlines() if line.startswith("bridge_trace_"))
    return {name.removeprefix("bridge_trace_spans_"): float(value) for name, value in lines if "created" not in name}


def test_all_that_was_put_arrives_in_order_and_in_batches() -> None:
    far, metrics = Far(), Metrics()
    exporter = SpanExporter(far, metrics.traces, every_s=0.001)
    exporter.start()
    for number in range(1, 1500):
        exporter.put(a_span(number))
    exporter.close()
    assert [span.span_id for span in far.spans] == list(range(1, 1500))
    assert counted(metrics) == {"waiting": 0, "sent_total": 1499}


def test_a_collector_that_hangs_costs_what_memory_does_not_hold_and_what_waits_at_the_end() -> None:
    far, metrics = Far(hangs=True), Metrics()
    exporter = SpanExporter(far, metrics.traces, every_s=0.001, most_waiting=10, end_s=0.05)
    exporter.start()
    exporter.put(a_span(1))
    assert far.asked.wait(5)
    for number in range(2, 16):
        exporter.put(a_span(number))
    assert counted(metrics)["waiting"] == 10
    assert counted(metrics)['lost_total{reason="full"}'] == 5
    exporter.close()
    lost = sum(value for name, value in counted(metrics).items() if name.startswith("lost"))
    assert lost == 15 and not far.spans
    exporter.put(a_span(99))
    assert counted(metrics)['lost_total{reason="full"}'] == 6


def test_what_is_refused_is_counted() -> None:
    metrics = Metrics()
    exporter = SpanExporter(Far(takes=False), metrics.traces, every_s=0.001)
    exporter.start()
    for number in range(1, 4):
        exporter.put(a_span(number))
    exporter.close()
    assert counted(metrics)['lost_total{reason="refused"}'] == 3
    assert counted(metrics)["sent_total"] == 0
