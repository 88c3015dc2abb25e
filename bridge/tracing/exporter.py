"""Sends ended spans to a collector, from a thread of its own. Nobody waits for it.

put -> memory, bounded -> thread -> OTLP over HTTP
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from bridge.metrics import TraceMetrics
from bridge.tracing.spans import EndedSpan

log = logging.getLogger(__name__)

_MOST_WAITING: Final = 10_000
"""Spans of all calls: 10 MB. A collector that is away for longer costs those that come then."""
_BATCH: Final = 512
_EVERY_S: Final = 1.0


class Collector(Protocol):
    """Takes spans, as `bridge.tracing.otlp.Otlp` does."""

    def send(self, spans: Sequence[EndedSpan], /) -> bool:
        """Send `spans`; return whether they were taken. It may take seconds and never raises."""

    def close(self) -> None:
        """Give up what is being tried, from another thread, and take no more."""


class SpanExporter:
    """One server's. `start` it, and `close` it at the end."""

    def __init__(
        self,
        collector: Collector,
        metrics: TraceMetrics,
        *,
        most_waiting: int = _MOST_WAITING,
        every_s: float = _EVERY_S,
        end_s: float = 3.0,
    ) -> None:
        """Spans are sent together every `every_s`; those that wait at the end have `end_s`."""
        self._collector, self._metrics = collector, metrics
        self._most_waiting, self._every_s, self._end_s = most_waiting, every_s, end_s
        self._waiting: deque[EndedSpan] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._failing = False
        metrics.waiting.measured_by(lambda: len(self._waiting))

    def put(self, span: EndedSpan) -> None:
        """Send `span` some time. Never blocks and never raises; where too many wait it is lost, and counted."""
        if len(self._waiting) >= self._most_waiting or self._over.is_set():
            self._metrics.lost.labels("full").inc()
            return
        self._waiting.append(span)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """Send what waits, and end. It blocks for `end_s` at most, and a second."""
        self._over.set()
        self._thread.join(self._end_s)
        self._collector.close()
        self._thread.join(1.0)
        if left := len(self._waiting):
            self._metrics.lost.labels("end").inc(left)
            log.warning("%d spans were not sent: the collector did not take them in time", left)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._waiting:
            batch = [self._waiting[number] for number in range(min(_BATCH, len(self._waiting)))]
            taken = self._collector.send(batch)
            for _ in batch:
                self._waiting.popleft()
            (self._metrics.sent if taken else self._metrics.lost.labels("refused")).inc(len(batch))
            self._tell(taken)
            if not taken:
                return

    def _tell(self, taken: bool) -> None:
        if taken and self._failing:
            log.warning("the collector takes traces again")
        elif not taken and not self._failing:
            log.error("the collector takes no traces; those that it does not take are lost, and counted")
        self._failing = not taken
