"""The voices of Kokoro for calls: one network and its threads for all of them."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

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
    """The network, its voices and its threads, shared by all voices of one place."""

    def __init__(self, place: str, threads: int) -> None:
        """Raises:
        RuntimeError: it cannot be loaded.
        """
        pieces = find(place)
        self.vocabulary = pieces.vocabulary
        self.styles: Mapping[str, Styles] = load_styles(pieces.voices)
        self.network: Any = open_network(pieces.network, threads)
        self.threads: Deadlines = open_threads(threads, name="kokoro")
        self._phonemes: dict[str, Phonemes] = {}

    def phonemes(self, language: Language) -> Phonemes:
        """Return what reads `language`, one for all voices that speak it.

        Raises:
            RuntimeError: espeak-ng is not installed.
        """
        if language.espeak not in self._phonemes:
            self._phonemes[language.espeak] = Phonemes(language.espeak)
        return self._phonemes[language.espeak]

    def close(self) -> None:
        """Take no more text."""
        self.threads.close()
        for phonemes in self._phonemes.values():
            phonemes.close()


@dataclass(slots=True)
class KokoroSpeaker:
    """One voice of the network."""

    model: Model
    styles: Styles
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

    def sound(self, symbols: str, *, speed: float) -> Samples:
        """Return the sound of `symbols` at 24 kHz, as loud as it comes."""
        ids = [self.model.vocabulary[sign] for sign in symbols]
        style = self.styles[min(len(ids), len(self.styles)) - 1][None]
        tokens, _, _ = (given.name for given in self.model.network.get_inputs())  # called input_ids by some exporters
        inputs = {
            tokens: np.array([[0, *ids, 0]], np.int64),
            "style": style,
            "speed": np.array([speed], np.float32),
        }
        sound: Samples = self.model.network.run(None, inputs)[0].ravel()
        return sound


class KokoroTts(LocalVoice):
    """One voice of Kokoro for all calls (`Tts`)."""

    def __init__(self, model: Model, name: str) -> None:
        """Speak as `name`.

        Raises:
            RuntimeError: there is no voice of that name, or espeak-ng is not installed.
        """
        language = _language_of(name, model.styles)
        self.name, self._model = name, model
        self.speaker = KokoroSpeaker(model, model.styles[name])
        super().__init__(
            self.speaker,
            model.phonemes(language),
            model.threads,
            language=language.name,
            scripts=language.scripts,
        )

    @classmethod
    def from_settings(cls, settings: VoiceSettings) -> Self:
        """Return its usual voice, from which the others come; blocks for half a second.

        Raises:
            RuntimeError: a piece is missing, or espeak-ng.
        """
        model = Model(settings.tts_model_path, settings.tts_threads)
        spoken = _speaking(model.styles)
        try:
            return cls(model, DEFAULT if DEFAULT in spoken or not spoken else next(iter(spoken)))
        except RuntimeError:
            model.close()
            raise

    @classmethod
    def voices(cls) -> Mapping[str, str]:
        """Return the language of each voice, by its name, of what is installed or was fetched."""
        try:
            return _speaking(load_styles(find().voices))
        except RuntimeError:
            return {}

    def voice(self, name: str) -> Self:
        """Return another voice of the same network; it is closed with this one.

        Raises:
            RuntimeError: there is none of that name.
        """
        return type(self)(self._model, name)

    def close(self) -> None:
        """Take no more text, in any voice of this network; a sentence under way breaks off behind its clause."""
        self._model.close()


def _speaking(styles: Iterable[str]) -> Mapping[str, str]:
    return {name: LANGUAGES[name[0]].name for name in sorted(styles) if name[:1] in LANGUAGES}


def _language_of(name: str, styles: Mapping[str, Styles]) -> Language:
    if name in styles and name[:1] in LANGUAGES:
        return LANGUAGES[name[0]]
    if name in styles and name[:1] in _LEFT_OUT:
        left_out = _LEFT_OUT[name[0]]
        raise RuntimeError(f"{name} speaks {left_out}, whose phonemes espeak-ng does not write as Kokoro learned them")
    raise RuntimeError(f"Kokoro has no voice {name!r}: {', '.join(_speaking(styles))}")
