"""What the voices do."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from bridge.metrics.buckets import MODEL_S


class VoiceMetrics:
    """What the voices do: a `VoiceObserver`. A voice has the name that the settings have for it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._first_audio = Histogram(
            "bridge_tts_first_audio_seconds",
            "From the text of a sentence to its first audio, where it is not from the cache.",
            ["voice"],
            registry=registry,
            buckets=MODEL_S,
        )
        by = ["voice"]
        self._failures = Counter("bridge_tts_failures", "Sentences that a voice failed at.", by, registry=registry)
        self._server_failures = Counter(
            "bridge_tts_server_failures",
            "Sentences, or their rests, that a server of a voice did not say.",
            ["server", "reason"],
            registry=registry,
        )
        self._cached = Counter(
            "bridge_tts_cache", "Sentences asked for: hit or miss.", ["voice", "result"], registry=registry
        )

    def first_audio(self, voice: str, /, *, took_s: float) -> None:
        self._first_audio.labels(voice).observe(took_s)

    def failed(self, voice: str, /) -> None:
        self._failures.labels(voice).inc()

    def server_failed(self, server: str, reason: str, /) -> None:
        self._server_failures.labels(server, reason).inc()

    def from_cache(self, voice: str, /, *, hit: bool) -> None:
        self._cached.labels(voice, "hit" if hit else "miss").inc()
