"""Voices that tests can tell apart: by rate, language, scripts and level, and by when they fail."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from bot.api import Samples

ESPEAK: Final = shutil.which("espeak-ng")
_ESPEAK_RATE: Final = 22_050
_ESPEAK_VOICES: Final[Mapping[str, str]] = {"English": "en-us", "German": "de", "Hindi": "hi", "Spanish": "es"}


class Sounding:
    """100 ms of a tone for each word, of which it keeps what it read."""

    language = ""
    scripts: Sequence[str] = ()
    sample_rate = 24_000
    level = 0.12

    def __init__(self) -> None:
        self.read: list[str] = []
        self.fails_after: int | None = None
        """Words, of each sentence, after which it raises."""
        self.gate: asyncio.Event | None = None
        """It is waited for before each sentence."""
        self.closed = 0

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        self.read.append(text)
        if self.gate:
            await self.gate.wait()
        for index, _ in enumerate(text.split()):
            await asyncio.sleep(0)
            if index == self.fails_after:
                raise RuntimeError("out of breath")
            yield np.full(self.sample_rate // 10, self.level, np.float32)

    def close(self) -> None:
        self.closed += 1


class English(Sounding):
    language, scripts = "English", ("LATIN",)


class German(Sounding):
    language, scripts, sample_rate = "German", ("LATIN",), 16_000


class Hindi(Sounding):
    """Reads Latin letters, too."""

    language, scripts, sample_rate = "Hindi", ("DEVANAGARI", "LATIN"), 22_050


class HindiOnly(Sounding):
    language, scripts = "Hindi", ("DEVANAGARI",)


class Quiet(Sounding):
    """20 dB below the others."""

    language, level = "English", 0.01


class Silent(Sounding):
    level = 0.0


class Chorus(Sounding):
    """Has voices by name, and speaks as fast as it is asked to."""

    language = "Spanish"
    speed = 1.0

    def voice(self, name: str) -> "Chorus":
        if name not in {"ana", "bo"}:
            raise RuntimeError(f"no voice {name!r}; there are ana and bo")
        other = Chorus()
        other.read = self.read
        return other

    def at_speed(self, speed: float) -> "Chorus":
        other = Chorus()
        other.speed, other.read = speed, self.read
        return other

    @classmethod
    def voices(cls) -> Mapping[str, str]:
        return {"ana": "Spanish", "bo": "Catalan"}


class EspeakTts:
    """espeak-ng, a process a sentence: a real voice in many languages, at a rate of its own."""

    sample_rate = _ESPEAK_RATE

    def __init__(self, language: str) -> None:
        self.language = language
        self.scripts = ("DEVANAGARI", "LATIN") if language == "Hindi" else ("LATIN",)

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        sound = await asyncio.to_thread(self._say, text)
        yield np.frombuffer(sound[44:], "<i2").astype(np.float32) / np.float32(32768)

    def _say(self, text: str) -> bytes:
        command = ["espeak-ng", "-v", _ESPEAK_VOICES[self.language], "--stdout", "--stdin"]
        return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout

    def close(self) -> None:
        """Nothing is kept."""


EspeakGerman = partial(EspeakTts, "German")
EspeakHindi = partial(EspeakTts, "Hindi")
EspeakSpanish = partial(EspeakTts, "Spanish")
