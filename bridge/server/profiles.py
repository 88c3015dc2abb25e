"""Which bot, voice and words a call gets: one profile for each route, and one for all other calls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from bot.api import Bot, Samples, Tts
from bridge.plugins import PluginError
from bridge.server.call_rules import load_phrases
from bridge.server.plugin_loading import Plugin, load_bot, load_voice, record
from bridge.settings import Settings
from bridge.settings.route import Route
from bridge.settings.routes import of_route
from bridge.speech.api import ModelMissing
from bridge.turns.backchannels import Backchannels

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
        voice = Plugin.of_voice(settings).key(settings)
        self.loaded += [
            (Plugin.named("bot", settings.bot).key(settings), profile.make_bot),
            (voice, profile.tts),
            ((voice, settings.fallback_text), profile.fallback),
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
    voice, bot = Plugin.of_voice(settings), Plugin.named("bot", settings.bot)
    text = settings.fallback_text
    make_bot = shared.get(bot.key(settings), lambda: load_bot(bot, settings))
    tts = shared.get(voice.key(settings), lambda: load_voice(voice, settings))
    fallback = shared.get((voice.key(settings), text), lambda: record(voice, tts, text))
    if not any(tts is voice for voice in shared.known):
        shared.voices.append(tts)  # now that it has spoken it is one
    return Profile(
        settings=settings,
        make_bot=make_bot,
        tts=tts,
        fallback=fallback,
        phrases=shared.get(_phrases_key(settings), lambda: load_phrases(settings)),
    )


def _phrases_key(settings: Settings) -> tuple[object, ...]:
    return "phrases", (settings.backchannels, settings.interrupting_phrases, settings.phrases_file)
