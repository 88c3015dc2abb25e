"""What the engines of the recogniser do."""

from collections import defaultdict
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bridge.metrics.buckets import MODEL_S
from bridge.speech.api import EngineFailed, Hypothesis, Request


class DecodeMetrics:
    """What the engines of the recogniser do: the `Observer` of its pool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_kind = ["engine", "kind"]  # kind: partial or final
        self._took = Histogram(
            "bridge_decode_seconds",
            "A decode, waiting included.",
            by_kind,
            registry=registry,
            buckets=MODEL_S,
        )
        self._queued = Histogram(
            "bridge_decode_queue_seconds",
            "What of it was waiting, where the engine tells.",
            by_kind,
            registry=registry,
            buckets=MODEL_S,
        )
        self._cached = Counter(
            "bridge_decode_cached_tokens", "Prompt tokens not computed again.", ["engine"], registry=registry
        )
        self._failed = Counter("bridge_decodes_failed", "Decodes that failed.", ["engine", "reason"], registry=registry)
        self._reasons = defaultdict[str, set[str]](set)
        self._retried = Counter("bridge_decodes_retried", "Decodes tried again.", ["engine"], registry=registry)
        self._in_hand = Gauge(
            "bridge_decodes_in_hand",
            "Decodes not answered yet.",
            ["engine"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._up = Gauge(
            "bridge_engine_up",
            "1 while the engine is thought to work.",
            ["engine"],
            registry=registry,
            multiprocess_mode="livemin",
        )

    def began(self, engine: str, /) -> None:
        self._in_hand.labels(engine).inc()

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, /, *, took_s: float) -> None:
        self._in_hand.labels(engine).dec()
        kind = "final" if request.final else "partial"
        match outcome:
            case Hypothesis():
                self._took.labels(engine, kind).observe(took_s)
                self._queued.labels(engine, kind).observe(outcome.queue_ms / 1000)
                self._cached.labels(engine).inc(outcome.cached_tokens)
            case EngineFailed():
                self._failed.labels(engine, type(outcome).__name__).inc()
                self._reasons[engine].add(type(outcome).__name__)

    def retried(self, engine: str, /) -> None:
        self._retried.labels(engine).inc()

    def up(self, engine: str, up: bool, /) -> None:
        self._up.labels(engine).set(up)

    def left(self, engine: str, /) -> None:
        """Forget what was counted of it: a name of a headless service has had very many in a year."""
        for metric in (self._cached, self._retried, self._in_hand, self._up):
            with suppress(KeyError):
                metric.remove(engine)
        for reason in self._reasons.pop(engine, ()):
            self._failed.remove(engine, reason)
        for kind in ("partial", "final"):
            for measured in (self._took, self._queued):
                with suppress(KeyError):
                    measured.remove(engine, kind)
