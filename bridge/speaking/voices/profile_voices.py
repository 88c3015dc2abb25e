"""The voices of one profile, as its settings name them: loaded, and told where they do not fit."""

import logging
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.speaking.voices.choice import key_of
from bridge.speaking.voices.lexicon import LARGEST_FILE, Lexicon
from bridge.speaking.voices.loading import LoadedVoices, options_of
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import Voices
from bridge.speech.api import ModelMissing

log = logging.getLogger(__name__)


def voices_key(settings: Settings) -> tuple[object, ...]:
    """Return what the voices of a profile depend on: equal keys may share them."""
    own = (settings.tts, settings.voices, settings.lexicon, settings.tts_speed, settings.voice_timeout)
    return "voices", own, options_of(settings)


def load_voices(settings: Settings, loaded: LoadedVoices) -> Voices:
    """Return the voices that `settings` name, tried; blocks.

    Raises:
        PluginError, ModelMissing: one does not load or cannot speak; the text names its language.
    """
    default = loaded.load(settings.tts, settings, text=settings.fallback_text)
    by_language = {}
    for language, name in settings.voices.items():
        try:
            by_language[key_of(language)] = loaded.load(name, settings, language=language)
        except ModelMissing as error:
            raise ModelMissing(f"--voices {language}: {error}") from error
        except PluginError as error:
            raise PluginError(f"--voices {language}: {error}") from error
    all_of_them = (default, *by_language.values())
    last = _last_resort(settings, loaded) if any(voice.asks_servers for voice in all_of_them) else None
    voices = Voices(default, by_language, load_lexicons(settings.lexicon), last)
    for warning in doubts(voices, settings):
        log.warning("%s", warning)
    return voices


def _last_resort(settings: Settings, loaded: LoadedVoices) -> Voice | None:
    """Return who speaks where no server does, None where nobody is to or can."""
    if settings.tts_fallback == "none":
        return None
    try:
        return loaded.load(settings.tts_fallback, settings)
    except PluginError as error:
        log.warning("--tts-fallback: %s; where no server speaks, callers hear fallback_text", error)
        return None


def load_lexicons(lexicon: Path | Mapping[str, Mapping[str, str]] | None) -> dict[str, Lexicon]:
    """Return the lexicons by language, keys as `key_of` makes them; reads the file where `lexicon` is one.

    Raises:
        PluginError: it cannot be read, or an entry is of no use.
    """
    where = f"--lexicon {lexicon}" if isinstance(lexicon, Path) else "lexicon"
    try:
        tables = _read(lexicon) if isinstance(lexicon, Path) else lexicon or {}
    except (OSError, ValueError) as error:
        raise PluginError(f"{where}: {error}") from error
    made = dict[str, Lexicon]()
    for language, entries in tables.items():
        key = key_of(language)
        try:
            if not key or key in made:
                raise ValueError("a language is named once, in letters")
            made[key] = Lexicon(entries)
        except ValueError as error:
            raise PluginError(f"{where}, {language!r}: {error}") from error
    return made


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.stat().st_size} bytes; allowed: {LARGEST_FILE}")
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise ValueError("tables in tables without end") from error
    nested = tables.pop("lexicon", None)
    if nested is not None and tables:
        raise ValueError("[lexicon.English] and [English] in one file; write all tables in one of these ways")
    tables = nested if isinstance(nested, dict) else tables  # as in the configuration: [lexicon.English]
    for language, entries in tables.items():
        if not isinstance(entries, dict) or not all(isinstance(aloud, str) for aloud in entries.values()):
            raise ValueError(f'{language!r} is no table of words like [English] with Spinny = "Spinnee"')
    return tables


def doubts(voices: Voices, settings: Settings) -> Iterator[str]:
    """Yield what an operator should know of `voices`, a line each."""
    for language, name in settings.voices.items():
        voice = voices.by_language[key_of(language)]
        if voice.language and key_of(voice.language) != key_of(language):
            yield f"--voices {language}: {name} speaks {voice.language}"
    for language, lexicon in voices.lexicons.items():
        speaker = voices.voice_of(language) or voices.default
        if lexicon.in_ipa and not speaker.takes_ipa:
            yield (
                f"lexicon: {lexicon.in_ipa} entries of {language!r} are phonemes in slashes, which "
                f"{speaker.name} does not take: it reads these words as they are written"
            )


def language_unspoken(voices: Voices, language: str) -> str:
    """Return what to tell where callers are to speak `language` and no voice does; "" where one does or may."""
    default = voices.default
    if not language or voices.voice_of(language) or not default.language:
        return ""
    return (
        f"--language {language}: no voice speaks it, {default.name} speaks {default.language}; "
        f"name one with --voices {language}=..., docs/voices.md"
    )
