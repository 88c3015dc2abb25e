"""How loaded the server is."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LoadMetrics:
    """How loaded the server is, and what is left out for it; `lines` is calls or clients."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.step = Gauge(
            "bridge_load_step",
            "What is left out: 0 nothing, 1 denoising, 2 partials too, 3 new ones are refused too.",
            ["lines"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.steps = Counter("bridge_load_steps", "Times a step began.", ["lines", "step"], registry=registry)
        self.wait = Gauge(
            "bridge_load_final_wait_seconds",
            "How long finals wait for an engine.",
            ["lines"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.lag = Gauge(
            "bridge_load_loop_lag_seconds",
            "How late the event loop is.",
            registry=registry,
            multiprocess_mode="livemax",
        )
