"""Loads voices by name: each is made once, tried with a sentence of its own, and brought to the level of all."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Final, cast

import numpy as np

from bot.api import Samples, Tts
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bridge.plugins import Plugin, trial, with_variant
from bridge.settings import Settings
from bridge.settings.options import GROUPS
from bridge.settings.types import Section
from bridge.speaking.voices.observer import VoiceObservers
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.trial_sentences import trial_sentence
from bridge.speaking.voices.voice import Voice, audible
from bridge.speech.voices import HttpTts
from bridge.speech.voices.profile import read_profiles

log = logging.getLogger(__name__)

_GROUP: Final = "bridge.tts"
_NEAR_DB: Final = 6.0
"""A voice that is off by more is brought to the level; nearer ones are left as their makers meant them."""
_MOST_DB: Final = 30.0
_ABOVE_VOICES: Final = {"tts", "voices", "lexicon", "tts_speed", "voice_timeout"}
"""Options of speaking that no plug-in is made from: what they mean is done above all voices."""
_MADE_FROM: Final = tuple(
    name
    for group in GROUPS
    if group.section is Section.SPEECH and group.per_call
    for name in group.model_fields
    if name not in _ABOVE_VOICES
)
"""What of the options that a route may change a voice may be made from: other values are another voice."""

_Key = tuple[object, ...]


class LoadedVoices:
    """The voices of a server, shared by all its profiles."""

    def __init__(self, cache: SentenceCache | None = None) -> None:
        self.observers = VoiceObservers()
        """Who is told what all of them do."""
        self._cache = cache
        self._made: list[tuple[_Key, Tts]] = []  # a list: options may be what cannot be hashed
        self._voices: list[tuple[_Key, Voice]] = []

    @property
    def all(self) -> list[Voice]:
        """Each voice that was loaded."""
        return [voice for _, voice in self._voices]

    def load(self, name: str, settings: Settings, *, language: str = "", text: str = "") -> Voice:
        """Return the voice `name`, made and tried unless it is there already; blocks.

        `language`: what it is to speak, where it does not say so; `text`: what it is tried with where there is no
        sentence of its language.

        Raises:
            PluginError, ModelMissing: it does not load, cannot speak, or is none.
        """
        key: _Key = (name, options_of(settings), settings.tts_speed, settings.voice_timeout)
        for known, voice in self._voices:
            if known == key:
                return voice
        voice = self._tried(name, settings, language=language, text=text)
        self._voices.append((key, voice))
        return voice

    @contextmanager
    def unless_it_fails(self) -> Iterator[None]:
        """Keep what is loaded inside; where that raises, it is closed and forgotten."""
        made, voices = len(self._made), len(self._voices)
        try:
            yield
        except BaseException:  # Ctrl-C while it loads, too
            for _, tts in self._made[made:]:
                tts.close()
            del self._made[made:], self._voices[voices:]
            raise

    def close(self) -> None:
        """Free what was loaded, each once; blocks."""
        for _, tts in self._made:
            tts.close()
        self._made, self._voices = [], []
        if self._cache:
            self._cache.close()

    def _tried(self, name: str, settings: Settings, *, language: str, text: str) -> Voice:
        plugin, variant = _plugin(name, settings)
        with Plugin("tts", name, plugin.found).trial(), self._base(plugin, settings) as base:
            tts = _variant(base, variant) if variant else base
            trial = trial_sentence(getattr(tts, "language", "") or language) or text or trial_sentence("English")
            sound = asyncio.run(_spoken(tts, trial))
            plugin.check(tts, Tts)
            gain = _gain(name, np.concatenate(sound) if sound else np.empty(0, np.float32), tts.sample_rate)
            voice = Voice(
                name,
                tts,
                gain=gain,
                limit_s=settings.voice_timeout,
                speed=settings.tts_speed,
                cache=self._cache,
                identity=_identity(name, plugin.name, tts, settings, gain=gain),
                observers=self.observers,
            )
        if not voice.paced:
            log.warning("the voice %s speaks at one speed only: --tts-speed %g is not for it", name, settings.tts_speed)
        return voice

    @contextmanager
    def _base(self, plugin: Plugin, settings: Settings) -> Iterator[Tts]:
        """Yield what the plug-in makes, or has made; it is kept once it has spoken, and closed where it fails."""
        key: _Key = (plugin.name, options_of(settings) if plugin.configured else ())
        for known, tts in self._made:
            if known == key:
                yield tts
                return
        made = cast(Tts, plugin.make(settings.model_copy(update={"tts": plugin.name})))
        if observe := getattr(made, "observe", None):
            observe(self.observers)
        try:
            yield made
        except BaseException:  # Ctrl-C, too
            close = getattr(made, "close", None)
            if callable(close):  # it may be no voice at all
                close()
            raise
        self._made.append((key, made))


def _plugin(name: str, settings: Settings) -> tuple[Plugin, str]:
    """Return the plug-in behind `name`, which may be a profile of --tts-profiles, and which of its voices."""
    if settings.tts_profiles is not None:
        with trial("tts-profiles", str(settings.tts_profiles)):
            own = read_profiles(settings.tts_profiles)
        of, _, variant = name.partition(":")
        if of in own:
            return Plugin("tts", of, HttpTts), variant
    of, variant = with_variant(_GROUP, name)
    return Plugin.named("tts", of), variant


def options_of(settings: Settings) -> _Key:
    """Return the options that a voice may be made from: where they are equal, one serves."""
    return tuple(getattr(settings, name) for name in _MADE_FROM)


def _variant(base: Tts, name: str) -> Tts:
    other = getattr(base, "voice", None)
    if not callable(other):
        raise RuntimeError(f"there is no voice {name!r}: {type(base).__name__} has one only")
    return cast(Tts, other(name))


async def _spoken(tts: Tts, text: str) -> list[Samples]:
    return [samples async for samples in tts.speak(text)]


def _gain(name: str, sound: Samples, sample_rate: int) -> float:
    """Return the factor that brings the voice to the level of all, 1 where it is near it."""
    if len(sound) < sample_rate // 50 or not audible(sound):
        log.warning("the voice %s made no sound of its trial sentence", name)
        return 1.0
    off_db = 20 * float(np.log10(active_rms(sound, sample_rate))) - ACTIVE_DBFS
    if abs(off_db) <= _NEAR_DB:
        return 1.0
    gain_db = max(-_MOST_DB, min(_MOST_DB, -off_db))
    log.info(
        "the voice %s is %+.1f dB off the level of all (%g dBov): it gets %+.1f dB", name, off_db, ACTIVE_DBFS, gain_db
    )
    return float(10 ** (gain_db / 20))


def _identity(name: str, plugin: str, tts: Tts, settings: Settings, *, gain: float) -> str:
    """Return what the sound of a sentence depends on besides its text, also after another start."""
    releases = [point.dist.version for point in entry_points(group=_GROUP, name=plugin) if point.dist]
    parts = (name, releases, options_of(settings), settings.tts_speed, tts.sample_rate, f"{gain:.2f}")
    return "\n".join(map(str, parts))
