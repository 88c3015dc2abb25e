"""What is loaded once and shared by all calls, and what of it each call gets for itself."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, Self, cast

import numpy as np

from bot.api import Bot, Samples, Tts
from bridge import plugins
from bridge.endings import load_ending
from bridge.manners import load_phrases
from bridge.phrases import Phrases, shipped
from bridge.plugins import trial
from bridge.recent import Recent
from bridge.recogniser import load_recogniser
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, EngineFailed, Recogniser, Vad
from bridge.speech.backends.deepfilter import DeepFilterPool
from bridge.speech.denoising import Denoising
from bridge.speech.ending import EndOfTurn
from bridge.speech.observer import Observer
from bridge.speech.pool import Pool
from bridge.speech.workers import Workers

log = logging.getLogger(__name__)


class IsSpeech(Protocol):
    """The interface of the original server's custom VADs."""

    def is_speech(self, audio: Samples, /) -> float:
        """Return the probability of speech in `audio`, 32 ms, 0.0 to 1.0. Called on the event loop: be quick."""


class PlainVad:
    """One call's VAD around an object that has only `is_speech`."""

    window = 512

    def __init__(self, inner: IsSpeech) -> None:
        self._inner = inner

    async def __call__(self, samples: Samples, /) -> float:
        try:
            return float(self._inner.is_speech(samples))
        except Exception as error:  # a plug-in: whatever it raises, this call's hearing is gone
            raise EngineFailed(f"{type(self._inner).__name__}.is_speech failed: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Everything that is loaded once."""

    asr: Recogniser
    open_vad: Callable[[], Vad]
    denoisers: DeepFilterPool | None
    workers: Workers | None
    """The denoisers' threads."""
    tts: Tts
    make_bot: Callable[[], Bot]
    fallback: tuple[Samples, str] | None
    ending: EndOfTurn | None = None
    """What judges pauses; None where turns end after a flat wait."""
    time_to_final: Recent = field(default_factory=lambda: Recent(0))
    """Milliseconds that finals took lately, on all calls."""

    phrases: Phrases = field(default_factory=shipped)
    """What is said over the bot that interrupts it always, or never."""

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Load and warm up all that `settings` name; blocks for about a second.

        Raises:
            PluginError, ModelMissing: something named is not installed, or does not do what it is for.
        """
        make_bot = _bot_factory(settings)
        open_vad = _vad_factory(settings)
        tts, fallback = _load_tts(settings)
        phrases = load_phrases(settings)
        ending = load_ending(settings)
        noisy = settings.enable_noise_suppression
        denoisers = _load_denoisers(settings) if noisy else None
        return cls(
            asr=load_recogniser(settings),  # last: it may be a process of its own, which no failure should leave behind
            open_vad=open_vad,
            denoisers=denoisers,
            workers=Workers(settings.denoiser_threads, name="denoiser") if noisy else None,
            tts=tts,
            make_bot=make_bot,
            fallback=fallback,
            ending=ending,
            # The first is waited for as long as any: to wait is the smaller mistake on a machine that is just starting.
            time_to_final=Recent(round(settings.turn_final_longest * 1000)),
            phrases=phrases,
        )

    async def open_denoising(self) -> Denoising | None:
        """Return one call's denoiser, or None where none is wanted. Close it with the call."""
        if not self.denoisers or not self.workers:
            return None
        try:
            return Denoising(await self.denoisers.acquire(), self.workers)
        except EngineFailed as error:
            log.error("this call goes without denoiser: %s", error)
            return None

    def observe(self, observer: Observer) -> None:
        """Tell `observer` what the engines of the recogniser do, where it is made of such."""
        if isinstance(self.asr, Pool):
            self.asr.observe(observer)

    def close(self) -> None:
        """Free what was loaded."""
        self.asr.close()
        self.tts.close()
        if self.ending:
            self.ending.close()
        if self.denoisers:
            self.denoisers.close()
        if self.workers:
            self.workers.close()


def _bot_factory(settings: Settings) -> Callable[[], Bot]:
    plugin = plugins.load("bridge.bot", settings.bot)
    with trial("bot", settings.bot):
        if from_settings := getattr(plugin, "from_settings", None):
            plugin = from_settings(settings)
        if not isinstance(bot := plugin(), Bot):
            raise TypeError(f"it makes a {type(bot).__name__}, not a bot.api.Bot")
    return cast(Callable[[], Bot], plugin)


def _vad_factory(settings: Settings) -> Callable[[], Vad]:
    """A plug-in with `load` is shared by all calls and opened for each; one with `is_speech` is made for each."""
    plugin = plugins.load("bridge.vad", settings.vad)
    with trial("vad", settings.vad):
        if hasattr(plugin, "is_speech"):
            make = partial(plugin, threshold=settings.vad_threshold, sample_rate=SAMPLE_RATE)
            open_vad: Callable[[], Vad] = partial(_open_plain, make)
        else:
            open_vad = getattr(plugins.make(plugin), "open")  # noqa: B009 - a plug-in has no static type
        vad = open_vad()
        probability = asyncio.run(_score(vad, np.zeros(vad.window, np.float32)))
        if not 0 <= probability <= 1:
            raise ValueError(f"P(speech) of silence is {probability}, must be from 0 to 1")
    return open_vad


def _open_plain(make: Callable[[], IsSpeech]) -> Vad:
    return PlainVad(make())


async def _score(vad: Vad, samples: Samples) -> float:
    return await vad(samples)


def _load_denoisers(settings: Settings) -> DeepFilterPool:
    pool = cast(type[DeepFilterPool], plugins.load("bridge.denoiser", settings.denoiser))
    with trial("denoiser", settings.denoiser):
        return pool.load(
            settings.dfn_model,
            attenuation_limit_db=settings.dfn_attenuation_limit,
            post_filter=settings.dfn_post_filter,
        )


def _load_tts(settings: Settings) -> tuple[Tts, tuple[Samples, str] | None]:
    plugin = plugins.load("bridge.tts", settings.tts)
    with trial("tts", settings.tts):
        tts = cast(Tts, plugins.make(plugin))
        return tts, _record(tts, settings.fallback_text)


def _record(tts: Tts, text: str) -> tuple[Samples, str] | None:
    """Speak `text` now, so that it can be heard when nothing else can be spoken."""

    async def speak() -> list[Samples]:
        return [samples async for samples in tts.speak(text)]

    chunks = asyncio.run(speak())
    return (np.concatenate(chunks), text) if chunks else None
