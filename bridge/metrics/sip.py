"""What the SIP process tells."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class SipMetrics:
    """What the SIP process tells of itself, and of each call at its end."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.up = Gauge(
            "bridge_sip_up", "1 while the SIP process serves.", registry=registry, multiprocess_mode="livemax"
        )
        self.registered = Gauge(
            "bridge_sip_registered",
            "1 while the trunk has us registered.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.restarts = Counter(
            "bridge_sip_restarts", "Times the SIP process had to be started again.", registry=registry
        )
        self.latched = Counter(
            "bridge_sip_latched",
            "RTP streams answered where they come from, not where the SDP says.",
            registry=registry,
        )
        self.frozen = Counter(
            "bridge_sip_frozen", "Times the SIP process said nothing and was killed.", registry=registry
        )
        self._counted = {
            "received": Counter("bridge_sip_packets", "RTP packets received.", registry=registry),
            "lost": Counter("bridge_sip_packets_lost", "RTP packets that never came.", registry=registry),
            "concealed_ms": Counter("bridge_sip_concealed_ms", "Silence put in for missing audio.", registry=registry),
            "thrown_away_ms": Counter(
                "bridge_sip_thrown_away_ms",
                "Caller audio in packets that came, and that the bridge was not given. Not counted with Opus.",
                registry=registry,
            ),
            "late": Counter(
                "bridge_sip_late_frames", "Gaps of 20 ms in the bot's speech, our fault.", registry=registry
            ),
        }
        self._jitter = Histogram(
            "bridge_sip_jitter_seconds",
            "Jitter of the packets of a call, as measured at its end.",
            registry=registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
        )

    def ended(self, statistics: object) -> None:
        """Count what a call's end told: a mapping of names to numbers, as the SIP process makes it."""
        told = statistics if isinstance(statistics, dict) else {}
        for name, counter in self._counted.items():
            if isinstance(value := told.get(name), int) and value > 0:
                counter.inc(value)
        if isinstance(jitter_ms := told.get("jitter_ms"), int | float):
            self._jitter.observe(jitter_ms / 1000)
