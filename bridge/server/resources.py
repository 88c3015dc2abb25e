"""What is loaded once and shared by all calls, and what of it each call gets for itself."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from bot.api import Bot, Samples, Tts
from bridge.server.call_rules import longest_final_ms
from bridge.server.plugin_loading import load_denoisers, load_ending, load_recogniser, load_vad
from bridge.server.profiles import Profile, load_profiles
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED, CallerTexts
from bridge.speaking.voices.caching import make_cache
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import Denoisers, EndOfTurn, Recogniser, Vad
from bridge.speech.denoising import Denoising
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
    denoisers: Denoisers | None
    workers: Workers | None
    """The denoisers' threads."""
    tts: Tts | Voices
    make_bot: Callable[[], Bot]
    fallback: tuple[Samples, str] | None
    ending: EndOfTurn | None = None
    """What judges pauses; None where turns end after a flat wait."""
    time_to_final: RollingQuantile = field(default_factory=lambda: RollingQuantile(0))
    """Milliseconds that finals took lately, on all calls."""

    phrases: Backchannels = field(default_factory=shipped)
    """What is said over the bot that interrupts it always, or never."""

    texts: Mapping[str, CallerTexts] = field(default_factory=lambda: SHIPPED)
    apologies: Mapping[str, tuple[Samples, str]] = field(default_factory=dict)
    """Both as in a profile."""

    profiles: tuple[Profile, ...] = ()
    """What of the above the calls of each route have otherwise, with their settings."""

    voices: LoadedVoices = field(default_factory=LoadedVoices)
    """The voices that all of these speak with."""

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Load and warm up all that `settings` name; blocks for about a second.

        Raises:
            PluginError, ModelMissing: something named is not installed, or does not do what it is for.
        """
        open_vad = load_vad(settings)
        voices = LoadedVoices(make_cache(settings))
        profiles = load_profiles(settings, voices)
        ending = load_ending(settings)
        noisy = settings.enable_noise_suppression
        denoisers = load_denoisers(settings) if noisy else None
        return cls(
            asr=load_recogniser(settings),  # last: it may be a process of its own, which no failure should leave behind
            open_vad=open_vad,
            denoisers=denoisers,
            workers=Workers(settings.denoiser_threads, name="denoiser") if noisy else None,
            tts=profiles.plain.tts,
            make_bot=profiles.plain.make_bot,
            fallback=profiles.plain.fallback,
            ending=ending,
            # The first is waited for as long as any: to wait is the smaller mistake on a machine that is just starting.
            time_to_final=RollingQuantile(longest_final_ms(settings)),
            phrases=profiles.plain.phrases,
            texts=profiles.plain.texts,
            apologies=profiles.plain.apologies,
            profiles=profiles.routes,
            voices=voices,
        )

    def with_profile(self, profile: Profile) -> Self:
        """Return the same with the bot, voice and words of `profile`. Close the original, not this."""
        return replace(
            self,
            tts=profile.tts,
            make_bot=profile.make_bot,
            fallback=profile.fallback,
            phrases=profile.phrases,
            texts=profile.texts,
            apologies=profile.apologies,
        )

    async def open_denoising(self, spared: Callable[[], bool] = lambda: False) -> Denoising | None:
        """Return one call's denoiser, or None where none is wanted. Close it with the call.

        `spared`: it rests for as long as that says so.
        """
        if not self.denoisers or not self.workers:
            return None
        try:
            return Denoising(await self.denoisers.open(), self.workers, spared=spared)
        except Exception as error:  # a plug-in's: whatever it raises, the call needs no denoiser to go on
            log.error("this call goes without denoiser: %s", error)
            return None

    def observe(self, observer: Observer) -> None:
        """Tell `observer` what the engines of the recogniser do, where it is made of such."""
        if isinstance(self.asr, Pool):
            self.asr.observe(observer)

    def follow(self) -> None:
        """Let engines of the recogniser come and go from now on, where it knows of such."""
        if isinstance(self.asr, Pool):
            self.asr.follow()

    def close(self) -> None:
        """Free what was loaded."""
        self.asr.close()
        self.voices.close()
        if self.ending:
            self.ending.close()
        if self.denoisers:
            self.denoisers.close()
        if self.workers:
            self.workers.close()
