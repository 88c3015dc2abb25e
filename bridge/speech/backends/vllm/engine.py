"""The recogniser vllm: Qwen3-ASR, Whisper or Voxtral on vLLM's AsyncLLM, in a child process that may die.

vLLM cannot rebuild an engine that died, and shares its process's fate with it; so it gets a process of its own.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from bot import installing
from bridge.settings import Settings
from bridge.speech.api import (
    AsrCapabilities,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Hypothesis,
    ModelMissing,
    Request,
    SpeechError,
)
from bridge.speech.backends import marks
from bridge.speech.backends.process.child import Child
from bridge.speech.backends.process.supervised import Supervised
from bridge.speech.backends.vllm.messages import ABOUT, ASK, HEARD, OPTIONS, Ask, Options

_logger = logging.getLogger(__name__)

WORKER: Final = "bridge.speech.backends.vllm.worker"

_SHORTEST_S: Final = 0.5
"""Seconds the feature extractor pads to itself, with zeros."""

_ENVIRONMENT: Final = {
    # A forked engine would hold the bridge's socket open after its parent has died.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_NO_USAGE_STATS": "1",
    "PYTHONUNBUFFERED": "1",
}
_VAGUE: Final = re.compile("root cause|EngineDeadError")
"""Stands in errors that only say that another process has one."""

_ERROR: Final = re.compile(r"(?:^|[\s)])((?:[\w.]*\.)?\w*(?:Error|Exception|Interrupt)\b: \S.*)")
_MEMORY: Final = re.compile(r"out of memory|OutOfMemory|gpu_memory_utilization|No available memory|KV cache", re.I)


class VllmAsr:
    """An `Asr` on a GPU (or vLLM's CPU build): continuous batching, finals before partials."""

    def __init__(self, options: Options, *, start_timeout_s: float = 600.0) -> None:
        """Load the model in a child process. Blocks until it answers: 25 to 60 s as a rule.

        Raises:
            ModelMissing: vLLM or the model is not there; the text names the command that brings it.
            EngineFailed: it does not load, and why in one line.
        """
        if find_spec("vllm") is None:
            raise ModelMissing(f"vLLM is not installed; get it with: {installing.extra('vllm')}")
        self.name = f"vllm-{Path(options.model).name}"
        self._child = Supervised(
            lambda: Child([sys.executable, "-m", WORKER], name=self.name, environment=_ENVIRONMENT),
            name=self.name,
            options=OPTIONS.dump_json(options),
            explain=explain,
            start_timeout_s=start_timeout_s,
        )
        about = ABOUT.validate_json(self._child.start())
        self.device = about.device
        self.capabilities = AsrCapabilities(
            prefix=about.prefix,
            context=about.context,
            languages=frozenset(about.languages),
            shortest_s=_SHORTEST_S,
            longest_s=about.longest_s,
            backlog=options.max_num_seqs,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Sequence["VllmAsr"]:
        """Return the one engine that `settings` describe, loaded. Blocks, and raises as the constructor does."""
        return [cls(Options.of(settings), start_timeout_s=settings.vllm_start_timeout)]

    async def decode(self, request: Request, /) -> Hypothesis:
        ask = Ask(
            prefix=request.prefix,
            language=request.language,
            languages=request.languages,
            context=request.context,
            priority=request.priority,
            max_new_tokens=request.max_new_tokens,
            key=request.key,
            marks=marks.wanted_for(request),
        )
        audio = np.ascontiguousarray(request.audio, np.float32).data.cast("B")
        try:
            async with asyncio.timeout(request.timeout_s):
                heard = HEARD.validate_json(await self._child.ask(ASK.dump_json(ask), audio))
        except TimeoutError:
            raise DeadlineExceeded(f"{self.name}: no answer within {request.timeout_s:g} s") from None
        return Hypothesis(
            heard.pieces,
            heard.language,
            heard.ended,
            heard.queue_ms,
            heard.run_ms,
            heard.cached_tokens,
            self.name,
            marks=heard.marks,
        )

    async def healthy(self) -> bool:
        return self._child.ready

    @property
    def pid(self) -> int | None:
        """The child process, while there is one."""
        return self._child.pid

    def close(self) -> None:
        """End the child and all it started. Blocks for seconds; decodes under way fail with EngineLost."""
        self._child.close()


def explain(error: SpeechError, output: Sequence[str]) -> SpeechError:
    """Return `error` with the reason that vLLM only wrote to its log, and what to do about it."""
    if isinstance(error, EngineLost) or _VAGUE.search(str(error)):
        error = type(error)(": ".join(filter(None, (str(error), _reason(output)))))
    if isinstance(error, EngineFailed) and _MEMORY.search(str(error)):
        advice = "lower gpu_memory_utilization or take a smaller asr_model_path; on a CPU set vllm_kv_cache_mb"
        return type(error)(f"{error} ({advice})")
    return error


def _reason(output: Sequence[str]) -> str:
    found = [error.group(1) for line in output if (error := _ERROR.search(line)) and not _VAGUE.search(line)]
    return (found or list(output) or [""])[-1][:300]
