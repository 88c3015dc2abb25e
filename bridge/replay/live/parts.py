"""The real recogniser, bot and voice, asked in replays instead of the record."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum

from bot.api import Bot
from bridge.plugins import Plugin
from bridge.replay.answers import Answers
from bridge.replay.live.bot import LiveBot
from bridge.replay.live.real_time import RealTime
from bridge.replay.live.speech import LiveAsr, live_voices
from bridge.replay.rerun import Around
from bridge.server.plugin_loading import load_bot, load_recogniser
from bridge.server.resources import Resources
from bridge.settings import Settings
from bridge.settings.options import SECRETS
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.profile_voices import load_voices
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import Recogniser


class LivePart(StrEnum):
    """What may be asked live."""

    ASR = "asr"
    BOT = "bot"
    TTS = "tts"


class LiveParts:
    """Loads them, once for all replays of this process that have the same settings."""

    def __init__(self, parts: Sequence[LivePart], secrets: Settings) -> None:
        """`secrets`: settings that have them; a record does not."""
        self._parts, self._secrets = parts, {name: getattr(secrets, name) for name in SECRETS}
        self._real_time = RealTime()
        self._settings: Settings | None = None  # what is loaded was loaded by
        self._asr: Recogniser | None = None
        self._make_bot: Callable[[], Bot] | None = None
        self._voices: Voices | None = None
        self._loaded_voices = LoadedVoices()

    def around(self, settings: Settings) -> Around:
        """Load what calls with `settings` need; blocks. Return what puts it into a replay.

        Raises:
            PluginError, ModelMissing: it does not load.
        """
        settings = settings.model_copy(update=self._secrets)
        if settings != self._settings:
            self._free()
            self._load(settings)
        return self._put

    def close(self) -> None:
        """Free all of it."""
        self._free()
        self._real_time.close()

    def _load(self, settings: Settings) -> None:
        if LivePart.TTS in self._parts:
            self._voices = load_voices(settings, self._loaded_voices)
        if LivePart.BOT in self._parts:
            self._make_bot = load_bot(Plugin.named("bot", settings.bot), settings)
        if LivePart.ASR in self._parts:
            self._asr = load_recogniser(settings)
        self._settings = settings

    def _free(self) -> None:
        self._settings = None
        self._loaded_voices.close()
        if self._asr:
            self._asr.close()

    def _put(self, resources: Resources, answers: Answers) -> Resources:
        real_time, make_bot = self._real_time, self._make_bot
        if self._voices:
            resources = replace(resources, tts=live_voices(self._voices, real_time, answers))
        if make_bot:
            resources = replace(resources, make_bot=lambda: LiveBot(make_bot(), real_time, answers))
        if self._asr:
            resources = replace(resources, asr=LiveAsr(self._asr, real_time, answers))
        return resources
