"""Which bot, voice and words a call gets: one profile for each route, and one for all other calls."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bot.api import Bot, Samples, Tts
from bridge.plugins import PluginError
from bridge.server.call_rules import load_phrases, usual_texts
from bridge.server.plugin_loading import Plugin, load_bot, load_voice, record
from bridge.settings import Settings, caller_texts
from bridge.settings.caller_texts import SHIPPED, CallerTexts, in_language
from bridge.settings.route import Route
from bridge.settings.routes import of_route
from bridge.speaking.unread import speaks
from bridge.speech.api import ModelMissing
from bridge.turns.backchannels import Backchannels

log = logging.getLogger(__name__)

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the calls of one route, or of none, are answered with."""

    settings: Settings
    make_bot: Callable[[], Bot]
    tts: Tts
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


def load_profiles(settings: Settings, known: Iterable[Profile] = ()) -> Profiles:
    """Load what `settings` and their routes name; blocks. What is equal for several is loaded once.

    `known`: profiles that there are already, and that what is equal is taken from.

    Raises:
        PluginError, ModelMissing: something is not installed or does not do what it is for; the text names the route.
    """
    shared = _Shared()
    for profile in known:
        shared.learn(profile)
    try:
        plain = _load(of_route(settings, None), shared)
        return Profiles(plain, tuple(_load_route(route, settings, shared) for route in settings.route))
    except BaseException:  # Ctrl-C while it loads, too
        close_voices(shared.voices)
        raise


def close_voices(voices: Iterable[Tts]) -> None:
    """Close each of `voices` once, however often it is named."""
    for voice in {id(voice): voice for voice in voices}.values():
        voice.close()


@dataclass(slots=True)
class _Shared:
    """What was loaded so far, by all that it depends on."""

    loaded: list[tuple[object, object]] = field(default_factory=list)
    voices: list[Tts] = field(default_factory=list)
    """Those that were loaded anew."""
    known: list[Tts] = field(default_factory=list)

    def learn(self, profile: Profile) -> None:
        """Have what `profile` is made of for others that need the same."""
        settings = profile.settings
        voice = Plugin.named("tts", settings.tts).key(settings)
        self.loaded += [
            (Plugin.named("bot", settings.bot).key(settings), profile.make_bot),
            (voice, profile.tts),
            *(((voice, said[1]), said) for said in (profile.fallback, *profile.apologies.values()) if said),
            (("texts", settings.texts), profile.texts),
            (_phrases_key(settings), profile.phrases),
        ]
        self.known.append(profile.tts)

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
    voice, bot = Plugin.named("tts", settings.tts), Plugin.named("bot", settings.bot)
    make_bot = shared.get(bot.key(settings), lambda: load_bot(bot, settings))
    tts = shared.get(voice.key(settings), lambda: _voice(voice, settings))
    texts = shared.get(("texts", settings.texts), lambda: _texts(settings))

    def recorded(text: str) -> tuple[Samples, str] | None:
        return shared.get((voice.key(settings), text), lambda: record(voice, tts, text))

    fallback = recorded(usual_texts(settings, tts, texts).fallback_text)
    spoken = {code: in_language(texts, code) for code in texts if speaks(tts, code)}
    apologies = {code: said for code, own in spoken.items() if (said := recorded(own.fallback_text))}
    if not any(tts is voice for voice in shared.known):
        shared.voices.append(tts)  # now that it has spoken it is one
    return Profile(
        settings=settings,
        make_bot=make_bot,
        tts=tts,
        fallback=fallback,
        texts=texts,
        apologies=apologies,
        phrases=shared.get(_phrases_key(settings), lambda: load_phrases(settings)),
    )


def _voice(plugin: Plugin, settings: Settings) -> Tts:
    """Return the voice, and say so where it cannot speak what callers speak."""
    voice, language = load_voice(plugin, settings), settings.language
    spoken = sorted(getattr(voice, "languages", ())) or [str(getattr(voice, "language", ""))]
    if language and spoken != [""] and not speaks(voice, language):
        log.warning(
            "--language is %s and the voice %s speaks %s: callers hear that; give --tts a voice that speaks %s",
            *(language, settings.tts, ", ".join(spoken), language),
        )
    return voice


def _texts(settings: Settings) -> Mapping[str, CallerTexts]:
    try:
        return caller_texts.load(settings.texts)
    except ValueError as error:
        raise PluginError(f"--texts {error}") from error


def _phrases_key(settings: Settings) -> tuple[object, ...]:
    return "phrases", (settings.backchannels, settings.interrupting_phrases, settings.phrases_file)
