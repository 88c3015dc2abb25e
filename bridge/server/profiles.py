"""Which bot, voices and words a call gets: one profile for each route, and one for all other calls."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bot.api import Bot, Samples, Tts
from bridge.plugins import Plugin, PluginError
from bridge.server.call_rules import load_phrases, usual_language, usual_texts
from bridge.server.plugin_loading import load_bot
from bridge.settings import Settings, caller_texts
from bridge.settings.caller_texts import SHIPPED, CallerTexts, in_language
from bridge.settings.route import Route
from bridge.settings.routes import of_route
from bridge.speaking.unread import speaks
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
    texts: Mapping[str, CallerTexts] = field(default_factory=lambda: SHIPPED)
    """What is said besides the words of the bot, by language code."""
    apologies: Mapping[str, tuple[Samples, str]] = field(default_factory=dict)
    """As `fallback`, in each language of `texts` that `tts` says that it speaks."""


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
            *(((voice, said[1]), said) for said in (profile.fallback, *profile.apologies.values()) if said),
            (("texts", settings.texts), profile.texts),
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
    key = voices_key(settings)
    tts = shared.get(key, lambda: load_voices(settings, shared.voices))
    voices = Voices.of(tts)
    if unspoken := language_unspoken(voices, settings.language or ""):
        log.warning("%s", unspoken)
    texts = shared.get(("texts", settings.texts), lambda: _texts(settings))

    def recorded(text: str, language: str) -> tuple[Samples, str] | None:
        return shared.get((key, text), lambda: asyncio.run(record(voices, text, language)))

    fallback = recorded(usual_texts(settings, voices, texts).fallback_text, usual_language(settings, voices))
    spoken = {code: in_language(texts, code) for code in texts if speaks(voices, code)}
    apologies = {code: said for code, own in spoken.items() if (said := recorded(own.fallback_text, code))}
    return Profile(
        settings=settings,
        make_bot=make_bot,
        tts=tts,
        fallback=fallback,
        texts=texts,
        apologies=apologies,
        phrases=shared.get(_phrases_key(settings), lambda: load_phrases(settings)),
    )


def _texts(settings: Settings) -> Mapping[str, CallerTexts]:
    try:
        return caller_texts.load(settings.texts)
    except ValueError as error:
        raise PluginError(f"--texts {error}") from error


def _phrases_key(settings: Settings) -> tuple[object, ...]:
    return "phrases", (settings.backchannels, settings.interrupting_phrases, settings.phrases_file)
