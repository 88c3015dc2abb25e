"""Plug-ins by name: each is made, checked and tried once, so that its faults show at start-up and not in a call."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final, cast

import numpy as np

from bot.api import Bot
from bridge.plugins import Plugin, trial
from bridge.settings import Settings
from bridge.speech import transliteration
from bridge.speech.api import SAMPLE_RATE, Asr, AsrCapabilities, Denoiser, Denoisers, EndOfTurn, Vad
from bridge.speech.denoising import OnePerCall
from bridge.speech.plain_vad import IsSpeech, PlainVad
from bridge.speech.pool import Pool
from bridge.speech.pool.membership import Following

log = logging.getLogger(__name__)

_AUTO: Final = "auto"
NONE: Final = "none"
"""The ending that judges nothing."""


# ---------------------------------------------------------------- what hears


def load_recogniser(settings: Settings) -> Pool:
    """Load the engines that `settings.asr` names, one after the other; blocks until all are warm.

    Raises:
        PluginError, ModelMissing: an engine is not installed, does not load, or is none.
    """
    engines: list[Asr] = []
    sources: list[Following] = []
    try:
        for name in dict.fromkeys(resolved(settings.asr)):
            loaded = _load_engines(
                name, settings if not engines else settings.model_copy(update={"asr_model_path": ""})
            )
            engines += loaded
            sources += [loaded] if isinstance(loaded, Following) else []
        pool = Pool(engines, timeout_s=settings.asr_timeout, sources=sources)
        for options in {}, *(route.options for route in settings.route):
            with trial("script", str(options.get("script", settings.script))):
                transliteration.speller(str(options.get("script", settings.script)))
        if transliteration.is_installed() and pool.capabilities.languages != frozenset({"English"}):
            transliteration.latin("नमस्ते")  # its library takes half a second to import, which no call should wait for
        for language in _languages(settings):
            with trial("language", language):
                pool.check_language(language)
    except BaseException:  # Ctrl-C while it loads, too
        for engine in engines:
            engine.close()
        raise
    return pool


def _languages(settings: Settings) -> Iterator[str]:
    """Yield the languages that calls may be in, as far as the settings say it."""
    for options in {}, *(route.options for route in settings.route):
        named = (
            options.get("language", settings.language),
            *cast(tuple[str, ...], options.get("languages", settings.languages)),
        )
        yield from (str(language) for language in named if language)


def automatic(*, vllm_is_there: bool, has_gpu: bool) -> tuple[str, str]:
    """Return the engine that suits such a machine, and why."""
    if not vllm_is_there:
        return "whisper", "vllm is not installed"
    if not has_gpu:
        return "whisper", "vllm is installed but there is no /dev/nvidia0: no NVIDIA GPU, or no driver"
    return "vllm", "it is installed and there is an NVIDIA GPU"


def resolved(names: Sequence[str]) -> Iterator[str]:
    """Yield the engines that `names` stand for: what auto is on this machine, and the others as they are."""
    for name in names:
        if name != _AUTO:
            yield name
            continue
        has_gpu = any(Path("/dev").glob("nvidia[0-9]*"))
        engine, why = automatic(vllm_is_there=find_spec("vllm") is not None, has_gpu=has_gpu)
        log.info("--asr auto is %s: %s", engine, why)
        yield engine


def _load_engines(name: str, settings: Settings) -> Sequence[Asr]:
    plugin = Plugin.named("asr", name)
    with plugin.trial():
        made = plugin.make(settings)
        engines = made if plugin.configured else [made]
        if not isinstance(engines, Sequence) or not engines:
            raise TypeError(f"from_settings returned {engines!r}, must be one engine or more in a list")
        for engine in engines:
            plugin.check(engine, Asr)
            if not isinstance(engine.capabilities, AsrCapabilities):
                kind, capabilities = type(engine).__name__, engine.capabilities
                raise TypeError(f"capabilities of {kind} is {capabilities!r}, must be an AsrCapabilities")
    return cast(Sequence[Asr], engines)


def load_vad(settings: Settings) -> Callable[[], Vad]:
    """Load the voice activity detector and let one hear silence; return what makes one for a call.

    A plug-in with `is_speech` is made for each call; any other is made once and opened for each.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or gives no probability.
    """
    plugin = Plugin.named("vad", settings.vad)
    with plugin.trial():
        if hasattr(plugin.found, "is_speech"):
            plain = cast(Callable[..., IsSpeech], plugin.found)
            make = partial(plain, threshold=settings.vad_threshold, sample_rate=SAMPLE_RATE)
            open_vad: Callable[[], Vad] = partial(_open_plain, make)
        else:
            open_vad = getattr(plugin.make(settings), "open")  # noqa: B009 - a plug-in has no static type
        _check_probability("speech", asyncio.run(_hear_silence(open_vad())))
    return open_vad


def _open_plain(make: Callable[[], IsSpeech]) -> Vad:
    return PlainVad(make())


async def _hear_silence(vad: Vad) -> float:
    return await vad(np.zeros(vad.window, np.float32))


def load_denoisers(settings: Settings) -> Denoisers:
    """Load the denoiser and let one denoise silence, which warms it up.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or is none.
    """
    plugin = Plugin.named("denoiser", settings.denoiser)
    with plugin.trial():
        made = plugin.make(settings)
        if hasattr(made, "open"):
            plugin.check(made, Denoisers)
            denoisers = cast(Denoisers, made)
        else:
            plugin.check(made, Denoiser)
            cast(Denoiser, made).close()
            denoisers = OnePerCall(lambda: cast(Denoiser, plugin.make(settings)))
        asyncio.run(_denoise_silence(denoisers, plugin))
    return denoisers


async def _denoise_silence(denoisers: Denoisers, plugin: Plugin) -> None:
    denoiser = await denoisers.open()
    plugin.check(denoiser, Denoiser)
    silence = np.zeros(SAMPLE_RATE // 50, np.float32)
    try:
        clean, delay = denoiser(silence), getattr(denoiser, "delay")  # noqa: B009 - it may be anything yet
    finally:
        denoiser.close()
    if np.shape(clean) != silence.shape:
        raise ValueError(f"{len(silence)} samples in, shape {np.shape(clean)} out")
    if not isinstance(delay, int) or delay < 0:
        raise ValueError(f"delay is {delay!r}, must be a whole number of samples")


# ---------------------------------------------------------------- what answers


def load_ending(settings: Settings) -> EndOfTurn | None:
    """Load what judges pauses and let it judge one, which warms it up; None where `settings` want none.

    Raises:
        PluginError, ModelMissing: it is not installed, does not load, or gives no probability.
    """
    if settings.ending == NONE:
        return None
    plugin = Plugin.named("ending", settings.ending)
    with plugin.trial():
        made = plugin.make(settings)
        plugin.check(made, EndOfTurn)
        ending = cast(EndOfTurn, made)
        _check_probability("end of turn", asyncio.run(_judge_silence(ending)))
    return ending


async def _judge_silence(ending: EndOfTurn) -> float:
    return await ending.probability(np.zeros(SAMPLE_RATE, np.float32), "", "")


def _check_probability(what: str, probability: float) -> None:
    if not 0 <= probability <= 1:
        raise ValueError(f"P({what}) of silence is {probability}, must be from 0 to 1")


def load_bot(plugin: Plugin, settings: Settings) -> Callable[[], Bot]:
    """Return what makes a bot for each call, after making one.

    Raises:
        PluginError: it makes none.
    """
    with plugin.trial():
        make = plugin.make(settings) if plugin.configured else plugin.found
        factory = cast(Callable[[], Bot], make)
        if not isinstance(bot := factory(), Bot):
            raise TypeError(f"it makes a {type(bot).__name__}, not a bot.api.Bot")
    return factory
