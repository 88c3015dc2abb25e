"""What the far side tells of the audio that it was sent."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from bridge.observer import CallObserver


class FarSideMetrics:
    """How late marks come back, and where the far side had nothing to play in the middle of a sentence."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._late = Histogram(
            "bridge_mark_late_seconds",
            "How late marks come back, after their audio should have ended: the way there and back, and far buffers.",
            ["wire"],
            registry=registry,
            buckets=(0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0),
        )
        self._gaps = Counter(
            "bridge_audio_gaps",
            "Times the far side had played all that it had of a sentence, and waited for more.",
            ["wire"],
            registry=registry,
        )
        self._gap_ms = Counter(
            "bridge_audio_gap_ms", "Silence in sentences of the bot for that.", ["wire"], registry=registry
        )

    def of(self, wire: str) -> CallObserver:
        """Return what counts it for one call over `wire`."""
        return _FarSide(self._late.labels(wire), self._gaps.labels(wire), self._gap_ms.labels(wire))


class _FarSide(CallObserver):
    def __init__(self, late: Histogram, gaps: Counter, gap_ms: Counter) -> None:
        self._late, self._gaps, self._gap_ms = late, gaps, gap_ms

    def mark_returned(self, *, late_ms: int) -> None:
        self._late.observe(max(0, late_ms) / 1000)

    def ran_dry(self, *, gap_ms: int) -> None:
        self._gaps.inc()
        self._gap_ms.inc(gap_ms)
