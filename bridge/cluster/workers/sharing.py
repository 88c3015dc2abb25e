"""How the settings of one server are shared out among its workers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bridge.settings import Settings

_THREADS: Final = ("asr_threads", "denoiser_threads", "ending_threads", "tts_threads")
"""Each worker has models of its own, and all of them the cores that one would have."""
_SHARED: Final = "bridge.speech.backends.shared.engine:SharedEngines"
_ONE_PROCESS: Final[Mapping[str, object]] = {"sip": False, "ari_url": "", "wyoming_port": 0}
"""What holds ports or a connection that only one process can have, and how it is off."""


def workers_of(settings: Settings) -> int:
    """Return how many there are to be."""
    return len(os.sched_getaffinity(0)) if settings.workers == "auto" else settings.workers


def shares_engines(settings: Settings) -> bool:
    """Return whether the engines are loaded once for all workers, in a process of their own: a GPU holds one vLLM."""
    return "vllm" in settings.asr


def has_ports(settings: Settings) -> bool:
    """Return whether one of the workers has what no two processes can have at the same time."""
    return any(getattr(settings, name) != off for name, off in _ONE_PROCESS.items())


def of_worker(settings: Settings, number: int, *, of: int, engines: Path) -> Settings:
    """Return the settings of the worker `number`, from 1 to `of`. `engines`: where those that are shared are asked."""
    changes: dict[str, object] = {name: max(1, getattr(settings, name) // of) for name in _THREADS}
    changes["handover_socket"] = None  # the supervisor has it
    if shares_engines(settings):
        changes |= {"asr": (_SHARED,), "asr_model_path": str(engines)}
    if number != 1:
        changes |= _ONE_PROCESS
    return settings.model_copy(update=changes)
