"""The voices of Kokoro for calls: one network and its threads for all of them."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self

import numpy as np

from bot.api import Samples
from bot.tts.deadlines import Deadlines
from bot.tts.espeak.phonemes import Phonemes
from bot.tts.kokoro.pieces import Styles, find, load_styles
from bot.tts.kokoro.symbols import symbols_of
from bot.tts.local_voice import LocalVoice, VoiceSettings
from bot.tts.runtime import open_network, open_threads

log = logging.getLogger(__name__)

SAMPLE_RATE: Final = 24_000
DEFAULT: Final = "af_heart"
_MOST_SYMBOLS: Final = 160
"""The network takes 510, and 10 MB for each. A clause of 120 characters has 130."""


@dataclass(frozen=True, slots=True)
class Language:
    """What the first letter of a voice's name says."""

    name: str
    """In English."""
    espeak: str
    scripts: tuple[str, ...] = ("LATIN",)


LANGUAGES: Final[Mapping[str, Language]] = {
    "a": Language("English", "en-us"),
    "b": Language("English", "en-gb"),
    "e": Language("Spanish", "es"),
    "f": Language("French", "fr-fr"),
    "h": Language("Hindi", "hi", ("DEVANAGARI", "LATIN")),
    "i": Language("Italian", "it"),
    "p": Language("Portuguese", "pt-br"),
}
_LEFT_OUT: Final[Mapping[str, str]] = {"j": "Japanese", "z": "Chinese"}


class Model:
    """The network, its voices and its threads; shared by all voices of one place, and closed with the last."""

    _opened: ClassVar[dict[tuple[str, int], "Model"]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, key: tuple[str, int]) -> None:
        place, threads = self.key = key
        pieces = find(place)
        self.vocabulary = pieces.vocabulary
        self.styles: Mapping[str, Styles] = load_styles(pieces.voices)
        self.network: Any = open_network(pieces.network, threads)
        self.threads: Deadlines = open_threads(threads, name="kokoro")
        self._phonemes: dict[str, Phonemes] = {}
        self._users = 0

    @classmethod
    def take(cls, place: str, threads: int) -> "Model":
        """Return the model that lies in `place`; give it back when it is no longer needed.

        Raises:
            RuntimeError: it cannot be loaded.
        """
        with cls._lock:
            key = (place, threads)
            model = cls._opened.get(key) or cls(key)
            cls._opened[key] = model
            model._users += 1
            return model

    def give_back(self) -> None:
        """Close it where nobody else has it."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                del self._opened[self.key]
                self.threads.close()
                for phonemes in self._phonemes.values():
                    phonemes.close()

    def phonemes(self, language: Language) -> Phonemes:
        """Return what reads `language`, one for all voices that speak it.

        Raises:
            RuntimeError: espeak-ng is not installed.
        """
        with self._lock:
            if language.espeak not in self._phonemes:
                self._phonemes[language.espeak] = Phonemes(language.espeak)
            return self._phonemes[language.espeak]


@dataclass(slots=True)
class KokoroSpeaker:
    """One voice of the network."""

    model: Model
    styles: Styles
    speed: float
    sample_rate: int = SAMPLE_RATE
    most_symbols: int = _MOST_SYMBOLS
    unknown: int = field(default=0)
    """Phonemes left out so far, because the network has no symbol for them."""

    def symbols(self, phonemes: str) -> str:
        """Return what the network knows of `phonemes`; what it does not know is counted."""
        known, unknown = symbols_of(phonemes, self.model.vocabulary)
        if unknown and not self.unknown:
            log.info("Kokoro has no symbol for %r, left out of %r; further ones are not reported", unknown, known[:80])
        self.unknown += len(unknown)
        return known

    def sound(self, symbols: str) -> Samples:
        """Return the sound of `symbols` at 24 kHz, as loud as it comes."""
        ids = [self.model.vocabulary[sign] for sign in symbols]
        style = self.styles[min(len(ids), len(self.styles)) - 1][None]
        tokens, _, _ = (given.name for given in self.model.network.get_inputs())  # called input_ids by some exporters
        inputs = {
            tokens: np.array([[0, *ids, 0]], np.int64),
            "style": style,
            "speed": np.array([self.speed], np.float32),
        }
        sound: Samples = self.model.network.run(None, inputs)[0].ravel()
        return sound


class KokoroTts(LocalVoice):
    """One voice of Kokoro for all calls (`Tts`)."""

    def __init__(self, model: Model, name: str, *, speed: float = 1.0) -> None:
        """Speak as `name`; what was taken of `model` is given back by `close`, and here where that fails.

        Raises:
            RuntimeError: there is no voice of that name, or it cannot speak.
        """
        self._model, self._speed, self.name = model, speed, name
        self._closed = False
        try:
            language = _language_of(name, model.styles)
            self.speaker = KokoroSpeaker(model, model.styles[name], speed)
            super().__init__(
                self.speaker,
                model.phonemes(language),
                model.threads,
                language=language.name,
                scripts=language.scripts,
            )
        except BaseException:  # Ctrl-C while it warms up, too
            model.give_back()
            raise

    @classmethod
    def from_settings(cls, settings: VoiceSettings, voice: str = DEFAULT) -> Self:
        """Return the voice of that name, e.g. "hf_alpha".

        Raises:
            RuntimeError: a piece is missing, or there is no voice of that name.
        """
        return cls(Model.take(settings.tts_model_path, settings.tts_threads), voice, speed=settings.tts_speed)

    @property
    def voices(self) -> Mapping[str, str]:
        """Name of each voice there is -> English name of its language."""
        return _speaking(self._model.styles)

    def voice(self, name: str) -> Self:
        """Return another voice of the same network; close it, too.

        Raises:
            RuntimeError: there is none of that name.
        """
        return type(self)(Model.take(*self._model.key), name, speed=self._speed)

    def close(self) -> None:
        """Take no more text, once all voices of the network are closed; what was asked for before is still made."""
        if not self._closed:
            self._closed = True
            self._model.give_back()


def _speaking(styles: Mapping[str, Styles]) -> Mapping[str, str]:
    return {name: LANGUAGES[name[0]].name for name in sorted(styles) if name[:1] in LANGUAGES}


def _language_of(name: str, styles: Mapping[str, Styles]) -> Language:
    if name in styles and name[:1] in LANGUAGES:
        return LANGUAGES[name[0]]
    if name in styles and name[:1] in _LEFT_OUT:
        left_out = _LEFT_OUT[name[0]]
        raise RuntimeError(f"{name} speaks {left_out}, whose phonemes espeak-ng does not write as Kokoro learned them")
    raise RuntimeError(f"Kokoro has no voice {name!r}: {', '.join(_speaking(styles))}")
