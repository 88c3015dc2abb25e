"""Who plays which call: the bot, voice and words of the plain settings and of each route, equal ones loaded once."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import numpy as np

from bot.api import Bot, Samples, Tts
from bridge import plugins
from bridge.plugins import PluginError, trial
from bridge.server.call_rules import load_phrases
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
    phrases: Backchannels


@dataclass(frozen=True, slots=True)
class Profiles:
    """The parts of all calls."""

    plain: Profile
    routes: tuple[Profile, ...]
    """One for each route, in their order."""


def load_profiles(settings: Settings) -> Profiles:
    """Load what `settings` and their routes name; blocks. What is equal for several is loaded once.

    Raises:
        PluginError, ModelMissing: something is not installed or does not do what it is for; the text names the route.
    """
    shelf = _Shelf()
    try:
        plain = _part(of_route(settings, None), shelf)
        return Profiles(plain, tuple(_part_of(route, settings, shelf) for route in settings.route))
    except BaseException:  # Ctrl-C while it loads, too
        close_voices(shelf.voices)
        raise


def close_voices(voices: Iterable[Tts]) -> None:
    """Close each of `voices` once, however often it is named."""
    for voice in {id(voice): voice for voice in voices}.values():
        voice.close()


@dataclass(slots=True)
class _Shelf:
    """What was loaded so far, by all that it depends on."""

    loaded: list[tuple[object, object]] = field(default_factory=list)
    voices: list[Tts] = field(default_factory=list)

    def get(self, key: object, load: Callable[[], Loaded]) -> Loaded:
        for known, thing in self.loaded:  # a list: settings may hold what cannot be hashed
            if known == key:
                return cast(Loaded, thing)
        self.loaded.append((key, thing := load()))
        return thing


def _part_of(route: Route, settings: Settings, shelf: _Shelf) -> Profile:
    try:
        return _part(of_route(settings, route), shelf)
    except ModelMissing as error:
        raise ModelMissing(f"{route}: {error}") from error
    except PluginError as error:
        raise PluginError(f"{route}: {error}") from error


def _part(settings: Settings, shelf: _Shelf) -> Profile:
    voice_key = ("tts", *_seen(plugins.load("bridge.tts", settings.tts), settings.tts, settings))
    lists = (settings.backchannels, settings.interrupting_phrases, settings.phrases_file)
    bot_key = ("bot", *_seen(plugins.load("bridge.bot", settings.bot), settings.bot, settings))
    make_bot = shelf.get(bot_key, lambda: _bot_factory(settings))
    tts = shelf.get(voice_key, lambda: _load_voice(settings))
    fallback = shelf.get((*voice_key, settings.fallback_text), lambda: _record(tts, settings))
    shelf.voices.append(tts)  # now that it has spoken it is one
    return Profile(
        settings=settings,
        make_bot=make_bot,
        tts=tts,
        fallback=fallback,
        phrases=shelf.get(("phrases", lists), lambda: load_phrases(settings)),
    )


def _seen(plugin: object, name: str, settings: Settings) -> tuple[object, ...]:
    """Return what the plug-in `name` may depend on: all settings, where it is made from them."""
    return (name, settings) if hasattr(plugin, "from_settings") else (name,)


def _bot_factory(settings: Settings) -> Callable[[], Bot]:
    plugin = plugins.load("bridge.bot", settings.bot)
    with trial("bot", settings.bot):
        if from_settings := getattr(plugin, "from_settings", None):
            plugin = from_settings(settings)
        if not isinstance(bot := plugin(), Bot):
            raise TypeError(f"it makes a {type(bot).__name__}, not a bot.api.Bot")
    return cast(Callable[[], Bot], plugin)


def _load_voice(settings: Settings) -> Tts:
    plugin = plugins.load("bridge.tts", settings.tts)
    with trial("tts", settings.tts):
        make = getattr(plugin, "from_settings", None)
        return cast(Tts, make(settings) if make else plugins.make(plugin))


def _record(tts: Tts, settings: Settings) -> tuple[Samples, str] | None:
    """Speak the fallback now, so that it can be heard when nothing else can be spoken."""

    async def speak() -> list[Samples]:
        return [samples async for samples in tts.speak(settings.fallback_text)]

    with trial("tts", settings.tts):
        chunks = asyncio.run(speak())
        return (np.concatenate(chunks), settings.fallback_text) if chunks else None
