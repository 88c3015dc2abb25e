"""One engine of the pool, in a process that Ray Serve starts, counts, drains and replaces. It imports no Ray itself."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, cast

import numpy as np

from bridge.cluster.autoscaling import QUEUE_WAIT
from bridge.plugins import Plugin
from bridge.settings import Settings
from bridge.speech.api import (
    Asr,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Hypothesis,
    Overloaded,
    Request,
    SpeechError,
)
from bridge.speech.backends.process import refusal
from bridge.speech.backends.ray.messages import ABOUT, ASK, HEARD, PoolAbout
from bridge.speech.pool.roster import Roster
from bridge.speech.pool.slots import Slots

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.25
"""Seconds between two looks at the engine: one that died answers at once, and would look idle to all who choose."""
_CLOSE_S: Final = 10.0
_BATCH_STEPS: Final = 8
"""Parts of the backlog in which the load of an engine is told that orders its decodes itself."""
_WAITS: Final = 256
"""Waits that are kept until Ray asks, which it does every 10 s."""


def load_engine(options: Mapping[str, object]) -> Asr:
    """Return the one engine that `options` describe, loaded. Blocks for seconds or minutes.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or is none.
        ValueError: it is several; each is a deployment of its own.
    """
    settings = Settings.model_validate(dict(options))
    plugin = Plugin.named("asr", settings.asr[0])
    with plugin.trial():
        made = plugin.make(settings)
        engines = cast(Sequence[Asr], made if plugin.configured else [made])
        for engine in engines:
            plugin.check(engine, Asr)
        if len(engines) != 1:
            raise ValueError(f"it makes {len(engines)} engines, and a replica runs one")
    return engines[0]


class PoolReplica:
    """Decodes what it is given in the order of the bridge's own pool: calls first, finals before partials, fair shares.

    It never tries again: a bridge does, on another replica.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        *,
        load: Callable[[Mapping[str, object]], Asr] = load_engine,
        clock_s: Callable[[], float] = time.monotonic,
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        """Load the engine. Blocks; Ray Serve has a thread for that. `leave` ends the process of an engine that died."""
        self._engine = engine = load(options)
        self._clock_s, self._leave = clock_s, leave
        self._roster = Roster([engine], clock_s)
        self._slots = Slots(self._roster, clock_s)
        self._waits_s: list[float] = []
        self._in_hand = 0
        self._lost = ""
        self._watch: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ what a bridge asks

    async def about(self) -> bytes:
        """Return a `PoolAbout`."""
        device = str(getattr(self._engine, "device", ""))
        return ABOUT.dump_json(
            PoolAbout(engine=self._engine.name, device=device, capabilities=self._engine.capabilities)
        )

    async def decode(self, head: bytes, audio: bytes, route: object = None) -> tuple[bool, bytes, int]:
        """Return (True, a `Hypothesis`) or (False, the `SpeechError` to raise), and how many other decodes are in hand.

        `head` is a `PoolAsk`, `audio` float32, `route` for the router: see ROUTE.
        Cancelled, it leaves the queue, or takes the decode out of the engine.
        """
        self._begin_watch()
        self._in_hand += 1
        try:
            answer = await self._answer(head, audio)
        finally:
            self._in_hand -= 1
        return *answer, self._in_hand

    async def _answer(self, head: bytes, audio: bytes) -> tuple[bool, bytes]:
        try:
            request = ASK.validate_json(head).request(np.frombuffer(audio, np.float32))
            return True, HEARD.dump_json(await self._decode(request))
        except SpeechError as error:
            if isinstance(error, EngineLost):
                self._lost = self._lost or str(error)
            return False, refusal.to_bytes(error)
        except Exception as error:  # a plug-in's bug, or a PoolAsk that is none: it costs this decode
            log.exception("%s failed in a way it should not", self._engine.name)
            return False, refusal.to_bytes(EngineFailed(refusal.one_line(error)))

    async def _decode(self, request: Request) -> Hypothesis:
        if self._lost:
            raise EngineLost(self._lost)
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._in_turn(self._roster.checked(request))
        except TimeoutError:
            raise DeadlineExceeded(f"{self._engine.name}: no answer within {request.timeout_s:.1f} s") from None

    async def _in_turn(self, request: Request) -> Hypothesis:
        asked_s = self._clock_s()
        member = await self._slots.take(request, {}, wait_s=None)
        begun_s = self._clock_s()
        if member is None:
            raise Overloaded(str(self._roster.refusal(request)))
        try:
            hypothesis = await member.engine.decode(member.fit(request))
            self._waited(begun_s - asked_s + hypothesis.queue_ms / 1000)  # the engine may have a queue of its own
            return hypothesis
        finally:
            self._slots.give_back(member, request, took_s=self._clock_s() - begun_s)

    # ------------------------------------------------------------ what Ray Serve asks

    def record_replica_metadata(self) -> dict[str, object]:
        """Return what routers should know of this replica; see AT_ONCE."""
        capabilities = self._engine.capabilities
        return {"at_once": capabilities.at_once or max(1, capabilities.backlog // _BATCH_STEPS)}

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return how long decodes waited for the engine since the last time, p95 in seconds."""
        waits, self._waits_s = sorted(self._waits_s), []
        return {QUEUE_WAIT: waits[int(0.95 * len(waits))] if waits else 0.0}

    async def check_health(self) -> None:
        """Raises:
        EngineLost: the engine is gone; Ray Serve replaces the replica.
        """
        self._begin_watch()
        if self._lost:
            raise EngineLost(self._lost)

    def __del__(self) -> None:
        """Free the engine. Ray Serve calls it when the last decode is over."""
        if self._watch:
            self._watch.cancel()
        self._engine.close()

    # ------------------------------------------------------------ an engine that dies

    def _begin_watch(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._leave_with_engine())

    async def _leave_with_engine(self) -> None:
        """End the process once its engine is gone: a dead process gets no decodes, and Ray starts another at once."""
        while not self._lost:
            await asyncio.sleep(_LOOK_S)
            if not await self._engine.healthy():
                self._lost = f"{self._engine.name} is gone"
        log.error("%s: the replica ends, and Ray Serve starts another", self._lost)
        with suppress(Exception):  # whatever it holds goes with the process
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.to_thread(self._engine.close)
        self._leave(1)

    def _waited(self, seconds: float) -> None:
        if len(self._waits_s) < _WAITS:
            self._waits_s.append(seconds)
