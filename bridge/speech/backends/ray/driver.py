"""Reaches the pool through a handle of Ray Serve. Only the process on Ray imports it: `worker.py`."""

import asyncio
import os
import time
from typing import Final

import ray
from ray import serve
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError
from ray.serve.exceptions import BackPressureError, RayServeException

from bridge.speech.api import (
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Overloaded,
    ReplicaLost,
    SpeechError,
)
from bridge.speech.backends.process import refusal
from bridge.speech.backends.ray import routers
from bridge.speech.backends.ray.messages import ABOUT, PoolAbout, PoolAsk, PoolOptions, ReplicaRoute

BY_REFERENCE_BYTES: Final = 4_000_000
"""Audio of so much goes through Ray's object store, from where a replica maps it; less goes with the question. Measured
on one machine, p50 with it and by reference: 1.9 MB (30 s) 4.1 and 12.7 ms, 3.8 MB 9.7 and 14.1 ms.
"""
_SLOW_S: Final = 1.0
"""Without an answer for so long, a replica that has others beside it is suspected of hanging."""
_AVOIDED_S: Final = 5.0
"""So long a replica that was silent is asked last. One that is dead is gone from Ray's list by then."""


class Driver:
    """A connection to one application; on one event loop."""

    def __init__(self, options: PoolOptions) -> None:
        """Connect. Blocks.

        Raises:
            EngineFailed: there is no such cluster, or no such application on it.
        """
        self._options = options
        connect(options.address, log_to_driver=False)
        try:
            handle = serve.get_app_handle(options.app)
        except RayServeException as error:
            raise EngineFailed(_no_app(options.app)) from error
        # Over gRPC to the replica itself: a third of what the way through Ray's task system costs.
        by_value = handle.options(_by_reference=False)
        self._about, self._by_value, self._by_reference = by_value.about, by_value.decode, handle.decode
        self._silent: dict[str, float] = {}  # replica -> when it may be asked again

    @property
    def replicas(self) -> int:
        """How many replicas there are to be asked."""
        return routers.replicas(self._options.app)

    async def about(self, *, timeout_s: float) -> PoolAbout:
        """Return what one of the replicas tells of itself.

        Raises:
            EngineLost: none does.
        """
        response = self._about.remote()
        try:
            async with asyncio.timeout(timeout_s):
                about = ABOUT.validate_json(await response)
        except (TimeoutError, RayError, RayServeException) as error:
            response.cancel()
            raise EngineLost(f"no replica of {self._options.app!r} answers: {refusal.one_line(error)}") from error
        return PoolAbout(
            engine=about.engine, device=about.device, capabilities=about.capabilities, replicas=max(1, self.replicas)
        )

    async def decode(self, head: bytes, ask: PoolAsk, audio: bytes) -> bytes:
        """Have a replica decode `audio`; `head` is `ask` as it came. Return its `Hypothesis` as JSON.

        Raises:
            SpeechError: see Asr.
        """
        if not self.replicas:
            raise EngineLost(f"no replica of {self._options.app!r} is up")
        route = ReplicaRoute(ask.key, self._avoided())
        decode = self._by_reference if len(audio) >= BY_REFERENCE_BYTES else self._by_value
        response = decode.remote(head, audio, route=route)
        spare = self.replicas > len(route.avoided) + 1 and ask.timeout_s >= 2 * _SLOW_S
        limit_s = min(ask.timeout_s / 2, self._options.patience_s) if spare else ask.timeout_s
        try:
            async with asyncio.timeout(limit_s):
                answered, content, in_hand = await response
        except TimeoutError:
            raise self._late(route, limit_s, spare=spare) from None
        except (ActorDiedError, ActorUnavailableError) as error:
            self._avoid(route.replica)
            raise ReplicaLost(f"replica {route.replica or '?'} is gone: {type(error).__name__}") from error
        except BackPressureError as error:
            raise Overloaded(refusal.one_line(error), retry_after_s=0.0) from error
        except (RayError, RayServeException) as error:
            raise EngineFailed(refusal.one_line(error)) from error
        finally:
            response.cancel()  # does nothing where it is over
        routers.told(self._options.app, route.replica, in_hand)
        if answered:
            return bytes(content)
        raise self._told(route, refusal.from_bytes(content))

    def _late(self, route: ReplicaRoute, limit_s: float, *, spare: bool) -> SpeechError:
        late = f"replica {route.replica or '?'}: no answer within {limit_s:.1f} s"
        if not spare:
            return DeadlineExceeded(late)
        self._avoid(route.replica)
        return ReplicaLost(late)

    def _told(self, route: ReplicaRoute, error: SpeechError) -> SpeechError:
        """Return what `error` of one replica means for all of them."""
        if isinstance(error, Overloaded):  # it refuses a partial: that is no reason to leave the others alone
            return Overloaded(str(error), retry_after_s=0.0)
        if type(error) is EngineLost:
            self._avoid(route.replica)
            return ReplicaLost(f"replica {route.replica}: {error}")
        return error

    def _avoid(self, replica: str) -> None:
        self._silent[replica] = time.monotonic() + _AVOIDED_S

    def _avoided(self) -> frozenset[str]:
        now_s = time.monotonic()
        self._silent = {replica: until_s for replica, until_s in self._silent.items() if until_s > now_s}
        return frozenset(self._silent)


def connect(address: str, *, log_to_driver: bool) -> None:
    """Make this process one of the cluster at `address`; "" is RAY_ADDRESS, or the one that this machine has joined.

    Raises:
        EngineFailed: there is none, or it wants a token.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address or "auto", log_to_driver=log_to_driver, configure_logging=log_to_driver)
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = refusal.one_line(error)
        raise EngineFailed(
            f"no Ray at {address or 'auto'!r} ({why}). One begins with `ray start --head`, and a machine joins it with "
            "`ray start --address=HEAD:6379 --num-cpus=0`; one with tokens wants RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        ) from error


def _no_app(app: str) -> str:
    there = ", ".join(sorted(serve.status().applications)) or "none"
    return f"no application {app!r} runs on this Ray cluster (there: {there}); start one with: bridge asr-pool"
