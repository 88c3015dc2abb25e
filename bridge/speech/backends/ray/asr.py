"""The recogniser ray: engines on other machines, behind Ray Serve, which keeps, places and counts them."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Final

import numpy as np

from bot import installing
from bridge.settings import Settings
from bridge.speech.api import DeadlineExceeded, EngineFailed, EngineLost, Hypothesis, ModelMissing, Request, SpeechError
from bridge.speech.backends.process.child import Child
from bridge.speech.backends.process.supervised import Supervised
from bridge.speech.backends.ray.messages import ABOUT, ASK, HEARD, OPTIONS, PoolAbout, PoolAsk, PoolOptions

WORKER: Final = "bridge.speech.backends.ray.worker"

_ENVIRONMENT: Final = {"PYTHONUNBUFFERED": "1"}
_HEALTH_S: Final = 4.0
_LEARN_S: Final = 10.0
"""Seconds between two counts of the replicas, which come and go with the load."""
_LOST_S: Final = 1.0
"""Seconds beyond the limit of a decode, for the process to say why there is no answer."""


class RayAsr:
    """An `Asr` that is one application on Ray Serve, and what it knows of its replicas."""

    def __init__(
        self, options: PoolOptions, *, command: Sequence[str] = (sys.executable, "-m", WORKER), module: str = "ray"
    ) -> None:
        """Connect to the cluster in a process of its own. Blocks until a replica has answered.

        `command` starts that process, and `module` is what it needs.

        Raises:
            ModelMissing: Ray is not installed; the text names the command that brings it.
            EngineFailed: there is no such cluster or application, or no replica answers.
        """
        if find_spec(module) is None:
            raise ModelMissing(f"Ray is not installed; get it with: {installing.extra('ray')}")
        self.name = f"ray-{options.app}"
        self._child = Supervised(
            lambda: Child(command, name=self.name, environment=_ENVIRONMENT),
            name=self.name,
            options=OPTIONS.dump_json(options),
            explain=_as_told,
            start_timeout_s=2 * options.start_timeout_s,
        )
        self._learned_s, self._learning = 0.0, set[asyncio.Task[bool]]()
        self._learn(ABOUT.validate_json(self._child.start()))

    @classmethod
    def from_settings(cls, settings: Settings) -> Sequence["RayAsr"]:
        """Return an engine for each application that `settings` name. Blocks, and raises as the constructor does.

        Raises:
            EngineFailed: they name a model, which is the pool's.
        """
        if path := settings.asr_model_path:
            raise EngineFailed(f"asr_model_path {path} is the pool's, not the bridge's: give it to bridge asr-pool")
        engines: list[RayAsr] = []
        named = (
            PoolOptions(address=settings.ray_address, app=app, patience_s=settings.asr_timeout)
            for app in settings.ray_app
        )
        try:
            engines.extend(map(cls, named))
        except BaseException:  # Ctrl-C while it connects, too
            for engine in engines:
                engine.close()
            raise
        return engines

    async def decode(self, request: Request, /) -> Hypothesis:
        self._keep_counting()
        audio = np.ascontiguousarray(request.audio, np.float32).data.cast("B")
        try:
            async with asyncio.timeout(request.timeout_s + _LOST_S):
                answer = await self._child.ask(ASK.dump_json(PoolAsk.of(request)), audio)
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name}: no answer within {request.timeout_s:g} s") from None
        return replace(HEARD.validate_json(answer), engine=self.name)

    async def healthy(self) -> bool:
        """Return whether a replica answers. What is learned of the pool meanwhile counts from then on."""
        try:
            async with asyncio.timeout(_HEALTH_S):
                self._learn(ABOUT.validate_json(await self._child.ask(b"", memoryview(b""))))
        except (TimeoutError, SpeechError):
            return False
        return True

    @property
    def pid(self) -> int | None:
        """The process on Ray, while there is one."""
        return self._child.pid

    def close(self) -> None:
        """End the process on Ray; the pool stays. Blocks for seconds; decodes under way fail with EngineLost."""
        self._child.close()

    def _keep_counting(self) -> None:
        if time.monotonic() - self._learned_s > _LEARN_S and not self._learning:
            self._learning.add(task := asyncio.get_running_loop().create_task(self.healthy()))
            task.add_done_callback(self._learning.discard)

    def _learn(self, about: PoolAbout) -> None:
        """Take what the pool can do: one replica's capabilities, and room for as many as there are."""
        self._learned_s, each = time.monotonic(), about.capabilities
        self.device = f"{about.engine} on Ray, {about.replicas} replicas" + (about.device and f" ({about.device})")
        # Each replica orders what it gets, so what it does not run at once waits there.
        self.capabilities = replace(each, backlog=each.backlog * about.replicas, at_once=None)


def _as_told(error: SpeechError, output: Sequence[str]) -> SpeechError:
    """Return `error`: the process says itself why it ends, or was killed."""
    if isinstance(error, EngineLost) and output:
        return EngineLost(f"{error}: {output[-1][:300]}")
    return error
