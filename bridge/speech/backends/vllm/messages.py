"""What the bridge and its vLLM process say to each other, as JSON; audio travels beside it as raw float32."""

import math
import os
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter

from bridge.settings import Settings
from bridge.speech.api import Ended, MarksAhead
from bridge.speech.backends.qwen3 import WINDOW_S

DEFAULT_MODEL: Final = "Qwen/Qwen3-ASR-1.7B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the engine is built."""

    model: str = DEFAULT_MODEL
    """Local folder or hub id."""
    gpu_memory_utilization: float = 0.8
    max_model_len: int = 2048
    max_num_batched_tokens: int = 8192
    max_num_seqs: int = 128
    max_queued: int = 256
    prefix_caching: bool = True
    cuda_graphs: bool = True
    dtype: str = "auto"
    kv_cache_mb: int = 0
    """Megabytes of the cache of attention; 0 is what `gpu_memory_utilization` leaves."""
    block_size: int = 0
    """Tokens in a block of the cache; 0 is the engine's own choice."""
    audio_windows: bool = True
    most_windows: int = 5
    """Audio items of one decode that the engine reserves memory for."""

    @classmethod
    def of(cls, settings: Settings) -> "Options":
        """Return what `settings` ask for."""
        return cls(
            model=os.path.expanduser(settings.asr_model_path) or DEFAULT_MODEL,
            gpu_memory_utilization=settings.gpu_memory_utilization,
            max_model_len=settings.vllm_max_model_len,
            max_num_batched_tokens=settings.vllm_max_num_batched_tokens,
            max_num_seqs=settings.vllm_max_num_seqs,
            max_queued=settings.vllm_max_queued,
            prefix_caching=settings.vllm_prefix_caching,
            cuda_graphs=settings.vllm_cuda_graphs,
            dtype=settings.vllm_dtype,
            kv_cache_mb=settings.vllm_kv_cache_mb,
            block_size=settings.vllm_block_size,
            audio_windows=settings.vllm_audio_windows,
            most_windows=math.ceil(settings.max_utterance / WINDOW_S) + 1,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was loaded."""

    device: str
    """Shown to people, e.g. "CUDA, bfloat16"."""
    prefix: bool
    context: bool
    languages: tuple[str, ...]
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A `Request` without its audio."""

    prefix: str = ""
    language: str | None = None
    languages: tuple[str, ...] = ()
    context: str = ""
    priority: int = 0
    max_new_tokens: int = 32
    key: str = ""
    marks: bool = False
    """What is expected behind the last word is asked for, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A `Hypothesis` without its engine."""

    pieces: tuple[str, ...]
    language: str
    ended: Ended
    queue_ms: int
    run_ms: int
    cached_tokens: int
    marks: MarksAhead | None = None


OPTIONS: Final = TypeAdapter(Options)
ABOUT: Final = TypeAdapter(About)
ASK: Final = TypeAdapter(Ask)
HEARD: Final = TypeAdapter(Heard)
