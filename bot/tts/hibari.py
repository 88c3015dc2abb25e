"""The embedded voice: hibari-tts, English, on one CPU thread, with its default voice inside the wheel."""

import asyncio
import logging
import re
import textwrap
import unicodedata
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Final, Protocol, Self

import numpy as np

from bot import installing
from bot.api import Samples
from bot.sentences import SentenceCutter
from bot.threads import give_way
from bot.tts.finishing import finish, gain_of

log = logging.getLogger(__name__)

SAMPLE_RATE: Final = 24_000

_MOST_PHONEMES: Final = 250  # 14 s of speech, 0.2 s of work: the longest that one call can hold up another
_WARM_UP: Final = "Hello, this is Xylouris. Your order number 4512 costs $3.50 and leaves on Jan. 5th at 9:30 a.m."
_LONG_NUMBER: Final = re.compile(r"\d(?:[,.]?\d){15,}")  # read digit by digit: hibari ends at 36 digits, ears before


class Engine(Protocol):
    """What is used of `hibari.Hibari`. Not to be called from two threads at once."""

    def phonemize(self, text: str) -> list[str]:
        """Return the phonemes of each sentence."""

    def from_phonemes(self, phonemes: str, *, speed: float, seed: int) -> Samples:
        """Return their sound at 24 kHz, `speed` times as fast as usual; the same for the same `seed`, from which the
        noise in it comes."""


class HibariTts:
    """A voice for all calls. Sentences are made one after the other, in the order they were asked for."""

    sample_rate = SAMPLE_RATE
    language = "English"
    scripts = ("LATIN",)

    def __init__(self, engine: Engine) -> None:
        """Warm `engine` up and measure how loud it is; blocks for about 0.2 s."""
        self._engine = engine
        self._gain = self._speed = 1.0
        self._gain = gain_of(np.concatenate([self._sound(part) for part in self._phonemes(_WARM_UP)]), SAMPLE_RATE)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hibari", initializer=give_way)
        self._warned = False

    @classmethod
    def load(cls, voice: str = "heart", threads: int = 1) -> Self:
        """Load and warm up; blocks for about 1 s and never touches the network.

        Raises:
            RuntimeError: hibari-tts is not installed, or `voice` is unknown or not on disk.
        """
        try:
            from hibari import Hibari
            from hibari.voices import VOICES, voice_path
        except ImportError as error:
            raise RuntimeError(f"hibari-tts is not installed: {installing.extra('embedded')}") from error
        try:
            model = voice_path(voice, download_missing=False)
        except ValueError:
            raise RuntimeError(f"voice is {voice!r}, must be one of {', '.join(VOICES)}") from None
        except FileNotFoundError as error:
            raise RuntimeError(
                f"voice {voice!r} is not on disk: put the file at {error}, "
                f"which `hibari --voice {voice} -o /dev/null Hello.` does on a machine with internet access"
            ) from None
        return cls(Hibari(voice=voice, model=model, threads=threads))

    def at_speed(self, speed: float) -> Self:
        """Return the same voice, faster (above 1) or slower; it is closed with this one."""
        other = copy(self)
        other._speed = speed  # noqa: SLF001 - a copy of ourselves
        return other

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield one array a sentence: float32, 24 kHz, within [-1, 1], ACTIVE_DBFS loud, silent at both ends.

        Yields nothing for what the voice cannot read. Long text is made in pieces, other calls' between them.

        Raises:
            RuntimeError: the voice failed, or is closed.
        """
        loop = asyncio.get_running_loop()
        for piece in _pieces(text):
            sound, rest = await loop.run_in_executor(self._thread, self._begin, piece)
            if len(sound):
                yield sound
            elif not rest:
                self._warn(piece)
            for phonemes in rest:
                if len(sound := await loop.run_in_executor(self._thread, self._sound, phonemes)):
                    yield sound

    def close(self) -> None:
        """Take no more text; what was asked for before is still made."""
        self._thread.shutdown(wait=False)

    def _begin(self, piece: str) -> tuple[Samples, Sequence[str]]:
        """Return the first sound of `piece` and the phonemes of the rest; in one go, for one wait in the queue."""
        phonemes = self._phonemes(piece)
        return (self._sound(phonemes[0]), phonemes[1:]) if phonemes else (np.empty(0, np.float32), [])

    def _phonemes(self, piece: str) -> list[str]:
        try:
            sentences = self._engine.phonemize(piece)
        except Exception as error:  # rules and tables of a foreign package meet arbitrary text
            raise RuntimeError(f"hibari cannot read {piece[:80]!r}: {error}") from error
        return [part for sentence in sentences for part in textwrap.wrap(sentence, _MOST_PHONEMES)]

    def _sound(self, phonemes: str) -> Samples:
        try:
            sound = self._engine.from_phonemes(phonemes, speed=self._speed, seed=0)
        except Exception as error:  # a foreign runtime, and whatever it raises the caller must hear something
            raise RuntimeError(f"hibari cannot speak {phonemes[:80]!r}: {error}") from error
        return finish(sound, SAMPLE_RATE, gain=self._gain)

    def _warn(self, piece: str) -> None:
        if not self._warned:
            log.warning("the voice cannot read %r and stays silent; further such text is not reported", piece[:80])
            self._warned = True


def _pieces(text: str) -> Sequence[str]:
    """Cut `text` into sentences that can be read aloud."""
    cutter = SentenceCutter(eager=False, language="English")
    whole = [*cutter.feed(_readable(text)), *cutter.flush()]
    return [piece for piece in whole if any(character.isalnum() for character in piece)]


def _readable(text: str) -> str:
    """Write out what hibari stumbles over: digits that are no decimals, such as those in circles, and long numbers."""
    plain = "".join(f" {unicodedata.digit(c)} " if c.isdigit() and not c.isdecimal() else c for c in text)
    return _LONG_NUMBER.sub(lambda number: " ".join(c for c in number[0] if c.isdigit()), plain)
