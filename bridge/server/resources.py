"""What is loaded once and shared by all calls, and what of it each call gets for itself."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self, cast

import numpy as np

from bot.api import Bot, Samples, Tts
from bridge import plugins
from bridge.plugins import trial
from bridge.server.plugin_loading import load_ending, load_recogniser
from bridge.server.profiles import Profile, close_voices, load_profiles
from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, EngineFailed, Recogniser, Vad
from bridge.speech.backends.deepfilter import DeepFilterPool
from bridge.speech.denoising import Denoising
from bridge.speech.ending import EndOfTurn
from bridge.speech.plain_vad import IsSpeech, PlainVad
from bridge.speech.pool import Pool
from bridge.speech.pool.observer import Observer
from bridge.speech.workers import Workers
from bridge.turns.backchannels import Backchannels, shipped
from bridge.turns.rolling_quantile import RollingQuantile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
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
    time_to_final: RollingQuantile = field(default_factory=lambda: RollingQuantile(0))
    """Milliseconds that finals took lately, on all calls."""

    phrases: Backchannels = field(default_factory=shipped)
    """What is said over the bot that interrupts it always, or never."""

    parts: tuple[Profile, ...] = ()
    """What of the above the calls of each route have otherwise, with their settings."""

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Load and warm up all that `settings` name; blocks for about a second.

        Raises:
            PluginError, ModelMissing: something named is not installed, or does not do what it is for.
        """
        open_vad = _vad_factory(settings)
        roles = load_profiles(settings)
        ending = load_ending(settings)
        noisy = settings.enable_noise_suppression
        denoisers = _load_denoisers(settings) if noisy else None
        return cls(
            asr=load_recogniser(settings),  # last: it may be a process of its own, which no failure should leave behind
            open_vad=open_vad,
            denoisers=denoisers,
            workers=Workers(settings.denoiser_threads, name="denoiser") if noisy else None,
            tts=roles.plain.tts,
            make_bot=roles.plain.make_bot,
            fallback=roles.plain.fallback,
            ending=ending,
            # The first is waited for as long as any: to wait is the smaller mistake on a machine that is just starting.
            time_to_final=RollingQuantile(round(settings.turn_final_longest * 1000)),
            phrases=roles.plain.phrases,
            parts=roles.routes,
        )

    def playing(self, part: Profile) -> Self:
        """Return the same, with what `part` has otherwise. It is not to be closed."""
        return replace(self, tts=part.tts, make_bot=part.make_bot, fallback=part.fallback, phrases=part.phrases)

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
        close_voices([self.tts, *(part.tts for part in self.parts)])
        if self.ending:
            self.ending.close()
        if self.denoisers:
            self.denoisers.close()
        if self.workers:
            self.workers.close()


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
