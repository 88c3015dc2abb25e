"""From the names in `--asr` to the one recogniser that calls hear with."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

import numpy as np

from bridge import plugins
from bridge.plugins import PluginError, trial
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Asr, AsrCapabilities
from bridge.speech.ending import EndOfTurn
from bridge.speech.pool import Pool

log = logging.getLogger(__name__)

_AUTO: Final = "auto"
_MEMBERS: Final = ("name", "capabilities", "decode", "healthy", "close")


def load_recogniser(settings: Settings) -> Pool:
    """Load the engines that `settings.asr` names, one after the other; blocks until all are warm.

    Raises:
        PluginError, ModelMissing: an engine is not installed, does not load, or is none.
    """
    engines: list[Asr] = []
    try:
        for name in dict.fromkeys(_resolved(settings.asr)):
            engines += _load(name, settings if not engines else settings.model_copy(update={"asr_model_path": ""}))
        pool = Pool(engines, timeout_s=settings.asr_timeout)
        with trial("language", settings.language or "None"):
            pool.check_language(settings.language)
    except BaseException:
        for engine in engines:
            engine.close()
        raise
    return pool


def automatic(*, vllm_is_there: bool, has_gpu: bool) -> tuple[str, str]:
    """Return the engine that suits such a machine, and why."""
    if not vllm_is_there:
        return "whisper", "vllm is not installed"
    if not has_gpu:
        return "whisper", "vllm is installed but there is no /dev/nvidia0: no NVIDIA GPU, or no driver"
    return "vllm", "it is installed and there is an NVIDIA GPU"


def _resolved(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name != _AUTO:
            yield name
            continue
        has_gpu = any(Path("/dev").glob("nvidia[0-9]*"))
        engine, why = automatic(vllm_is_there=find_spec("vllm") is not None, has_gpu=has_gpu)
        log.info("--asr auto is %s: %s", engine, why)
        yield engine


def _load(name: str, settings: Settings) -> Sequence[Asr]:
    plugin = plugins.load("bridge.asr", name)
    with trial("asr", name):
        if hasattr(plugin, "from_settings"):
            engines = plugin.from_settings(settings)
            if not isinstance(engines, Sequence) or not engines:
                raise TypeError(f"from_settings returned {engines!r}, must be one engine or more in a list")
        elif callable(plugin):
            engines = [plugin()]
        else:
            raise TypeError(f"{plugin!r} can be neither loaded nor called")
        for engine in engines:
            _check(engine, name)
        return cast(Sequence[Asr], engines)


def _check(engine: object, name: str) -> None:
    """Find out at start-up, not in a call, that something is no `Asr`."""
    kind = type(engine).__name__
    if missing := [member for member in _MEMBERS if not hasattr(engine, member)]:
        raise PluginError(f"--asr {name}: {kind} has no {' and no '.join(missing)}; see Asr in bridge/speech/api.py")
    if not isinstance(capabilities := getattr(engine, "capabilities", None), AsrCapabilities):
        raise PluginError(f"--asr {name}: capabilities of {kind} is {capabilities!r}, must be an AsrCapabilities")


NONE: Final = "none"
"""The ending that judges nothing."""


def load_ending(settings: Settings) -> EndOfTurn | None:
    """Load what judges pauses and let it judge one, which warms it up; None where `settings` want none.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or gives no probability.
    """
    if settings.ending == NONE:
        return None
    plugin = plugins.load("bridge.ending", settings.ending)
    with trial("ending", settings.ending):
        make = getattr(plugin, "from_settings", None)
        ending = cast(EndOfTurn, make(settings) if make else plugins.make(plugin))
        probability = asyncio.run(_judge_silence(ending))
        if not 0 <= probability <= 1:
            raise ValueError(f"P(end of turn) of silence is {probability}, must be from 0 to 1")
    return ending


async def _judge_silence(ending: EndOfTurn) -> float:
    return await ending.probability(np.zeros(SAMPLE_RATE, np.float32), "", "")
