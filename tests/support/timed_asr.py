"""A recogniser that takes a known time: `--asr timed_asr:TimedAsr --asr-model-path 0.05` sleeps 50 ms a decode."""

import asyncio
import os
from collections.abc import Sequence

from bridge.settings import Settings
from bridge.speech.api import AsrCapabilities, EngineLost, Hypothesis, Request


class TimedAsr:
    """An `Asr` that hears its key in each utterance, how many it has begun, and its process; `asr_threads` at once."""

    def __init__(self, run_s: float, *, at_once: int) -> None:
        self.name, self.device = "timed", f"process {os.getpid()}"
        self.capabilities = AsrCapabilities(at_once=at_once, backlog=4 * at_once, longest_s=90)
        self._run_s = run_s
        self._dead, self._begun = False, 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Sequence["TimedAsr"]:
        return [cls(float(settings.asr_model_path or "0"), at_once=settings.asr_threads)]

    async def healthy(self) -> bool:
        return not self._dead

    async def decode(self, request: Request, /) -> Hypothesis:
        if request.context == "die":  # as an engine does whose process is killed
            self._dead = True
        if self._dead:
            raise EngineLost("it was told to die")
        self._begun += 1
        count = self._begun
        if self._run_s:
            await asyncio.sleep(self._run_s)
        return Hypothesis(
            [request.key, f" {count}", f" {os.getpid()}"],
            "English",
            run_ms=round(1000 * self._run_s),
            cached_tokens=len(request.audio),
        )

    def close(self) -> None:
        """Hold nothing."""
