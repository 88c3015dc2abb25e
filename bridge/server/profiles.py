"""Which bot, voices and words a call gets: one profile for each route, and one for all other calls."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bot.api import Bot, Samples, Tts
from bridge.plugins import Plugin, PluginError
from bridge.server.call_rules import load_phrases
from bridge.server.plugin_loading import load_bot
from bridge.settings import Settings
from bridge.settings.route import Route
from bridge.settings.routes import of_route
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.profile_voices import language_unspoken, load_voices, voices_key
from bridge.speaking.voices.prompts_ahead import record
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import ModelMissing
from bridge.turns.backchannels import Backchannels

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the calls of one route, or of none, are answered with."""

    settings: Settings
    make_bot: Callable[[], Bot]
    tts: Tts | Voices
    fallback: tuple[Samples, str] | None
    """Recording, at the rate of `tts`, and text of what is heard when nothing else can be spoken."""
    phrases: Backchannels


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of all calls."""

    plain: Profile
    """For calls that no route matches."""
    routes: tuple[Profile, ...]
    """One for each route, in their order."""


def load_profiles(settings: Settings, voices: LoadedVoices, known: Iterable[Profile] = ()) -> Profiles:
    """Load what `settings` and their routes name; blocks. What is equal for several is loaded once.

    `voices`: those of the server, which what is loaded is added to. `known`: profiles that there are already, and that
    what is equal is taken from.

    Raises:
        PluginError, ModelMissing: something is not installed or does not do what it is for; the text names the route.
    """
    shared = _Shared(voices)
    for profile in known:
        shared.learn(profile)
    with voices.unless_it_fails():
        plain = _load(of_route(settings, None), shared)
        return Profiles(plain, tuple(_load_route(route, settings, shared) for route in settings.route))


@dataclass(slots=True)
class _Shared:
    """What was loaded so far, by all that it depends on."""

    voices: LoadedVoices
    loaded: list[tuple[object, object]] = field(default_factory=list)

    def learn(self, profile: Profile) -> None:
        """Have what `profile` is made of for others that need the same."""
        settings = profile.settings
        voice = voices_key(settings)
        self.loaded += [
            (Plugin.named("bot", settings.bot).key(settings), profile.make_bot),
            (voice, profile.tts),
            ((voice, settings.fallback_text, settings.language), profile.fallback),
            (_phrases_key(settings), profile.phrases),
        ]

    def get(self, key: object, load: Callable[[], Loaded]) -> Loaded:
        for known, thing in self.loaded:  # a list: settings may hold what cannot be hashed
            if known == key:
                return cast(Loaded, thing)
        self.loaded.append((key, thing := load()))
        return thing


def _load_route(route: Route, settings: Settings, shared: _Shared) -> Profile:
    try:
        return _load(of_route(settings, route), shared)
    except ModelMissing as error:
        raise ModelMissing(f"{route}: {error}") from error
    except PluginError as error:
        raise PluginError(f"{route}: {error}") from error


def _load(settings: Settings, shared: _Shared) -> Profile:
    bot = Plugin.named("bot", settings.bot)
    make_bot = shared.get(bot.key(settings), lambda: load_bot(bot, settings))
    voices = voices_key(settings)
    tts = shared.get(voices, lambda: load_voices(settings, shared.voices))
    if unspoken := language_unspoken(Voices.of(tts), settings.language or ""):
        log.warning("%s", unspoken)
    return Profile(
        settings=settings,
        make_bot=make_bot,
        tts=tts,
        fallback=shared.get(
            (voices, settings.fallback_text, settings.language), lambda: _record_fallback(Voices.of(tts), settings)
        ),
        phrases=shared.get(_phrases_key(settings), lambda: load_phrases(settings)),
    )


def _record_fallback(voices: Voices, settings: Settings) -> tuple[Samples, str] | None:
    language = voices.begins_in(settings.language or "")
    return asyncio.run(record(voices, settings.fallback_text, language))


def _phrases_key(settings: Settings) -> tuple[object, ...]:
    return "phrases", (settings.backchannels, settings.interrupting_phrases, settings.phrases_file)
