"""Puts the pool on a Ray cluster, and keeps it there until a signal comes."""

import signal
import threading
from dataclasses import dataclass

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from bridge.cluster.asr_pool import build, options_of
from bridge.settings import Settings
from bridge.speech.api import EngineFailed
from bridge.speech.backends.process import refusal
from bridge.speech.backends.ray.driver import connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How many replicas, and what each is given. None is what suits the engine."""

    least: int = 1
    most: int = 8
    gpus: float | None = None
    cpus: float | None = None


def start(settings: Settings, scale: Scale) -> None:
    """Deploy the pool that `settings` describe; one of its name is renewed, replica by replica. Blocks until it is up.

    Raises:
        EngineFailed: there is no such cluster, or the engine does not load there.
        ValueError: `settings` name no single engine, or several pools.
    """
    if len(settings.ray_app) != 1:
        raise ValueError(f"--ray-app {', '.join(settings.ray_app)} is several: a pool has one name")
    app = build({**options_of(settings), **_given(scale)})
    connect(settings.ray_address, log_to_driver=True)
    try:
        serve.start(proxy_location="Disabled")  # bridges come by handle, and nobody by HTTP
        serve.run(app, name=settings.ray_app[0], route_prefix=None)
    except (RuntimeError, RayError, RayServeException) as error:
        raise EngineFailed(f"the pool does not start: {refusal.one_line(error)}") from error


def wait_and_end(app: str) -> None:
    """Return after SIGINT or SIGTERM, once the pool has finished what it had in hand and is gone."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    serve.delete(app)
    ray.shutdown()


def _given(scale: Scale) -> dict[str, object]:
    given = {"replicas": [scale.least, scale.most], "gpus": scale.gpus, "cpus": scale.cpus}
    return {name: value for name, value in given.items() if value is not None}
