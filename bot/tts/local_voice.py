"""What voices have in common that are made here of phonemes: a clause at a time, by threads that all calls share."""

import asyncio
import logging
import textwrap
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Final, Protocol, Self

import numpy as np

from bot.api import Samples
from bot.tts.clauses import CLOSERS, clauses, marks_apart
from bot.tts.deadlines import Deadlines, Playing
from bot.tts.espeak.phonemes import Phonemes
from bot.tts.finishing import finish, gain_of

log = logging.getLogger(__name__)

PAUSES_S: Final[Mapping[str, float]] = {
    ",": 0.0,
    "—": 0.06,
    ";": 0.12,
    ":": 0.12,
    ".": 0.22,
    "!": 0.22,
    "?": 0.22,
    "…": 0.3,
}
"""Silence between two clauses by the mark between them, beyond the 0.14 s that trimming leaves.

Kokoro itself makes 0.05 to 0.3 s at a comma, and 0.3 to 0.5 s at a full stop."""

MOST_CHANGE: Final = 10 ** (4 / 20)
"""How far the gain of a clause may be from that of the voice: clauses of one voice differ by 3 dB, a sigh by more."""

WARM_UPS: Final[Mapping[str, str]] = {
    "English": "Hello, this is a first sentence, as long as most of them.",
    "French": "Bonjour, voici une première phrase, longue comme la plupart.",
    "German": "Guten Tag, dies ist ein erster Satz, so lang wie die meisten.",
    "Hindi": "नमस्ते, यह पहला वाक्य है, और बाकी वाक्यों जितना लंबा है।",
    "Italian": "Buongiorno, questa è una prima frase, lunga come le altre.",
    "Portuguese": "Bom dia, esta é uma primeira frase, longa como as outras.",
    "Spanish": "Buenos días, esta es una primera frase, larga como las demás.",
}
"""What a voice says at its start, to find out how loud it is."""


class VoiceSettings(Protocol):
    """What the settings say of voices that run here."""

    @property
    def tts_model_path(self) -> str:
        """Folder, file or id of the hub; "" for what is installed."""

    @property
    def tts_threads(self) -> int:
        """Threads of all calls together."""


class Speaker(Protocol):
    """A model with one of its voices."""

    sample_rate: int
    most_symbols: int
    """Symbols of the longest text that it may be given."""

    def symbols(self, phonemes: str) -> str:
        """Return what the model knows of `phonemes`: IPA of espeak-ng, with marks and spaces."""

    def sound(self, symbols: str, *, speed: float) -> Samples:
        """Return their sound, `speed` times as fast as usual, as loud as it comes. Called from several threads."""


class LocalVoice:
    """A voice for all calls (`Tts`). Of each sentence one clause at a time is made; calls take turns."""

    def __init__(
        self, speaker: Speaker, phonemes: Phonemes, threads: Deadlines, *, language: str, scripts: Sequence[str]
    ) -> None:
        """Speak by `speaker`. How loud that is, is measured at the first sentence, which takes a second longer."""
        self.sample_rate = speaker.sample_rate
        self.language, self.scripts = language, tuple(scripts)
        self._speaker, self._phonemes, self._threads = speaker, phonemes, threads
        self._speed = 1.0
        self._gain = _Gain()
        self._warned = False

    def at_speed(self, speed: float) -> Self:
        """Return the same voice, faster (above 1) or slower; it is closed with this one."""
        other = copy(self)
        other._speed = speed  # noqa: SLF001 - a copy of ourselves
        return other

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield one array a clause: float32, within [-1, 1], ACTIVE_DBFS loud, silent at both ends.

        The next one is made while the caller hears the last. Yields nothing for what the voice cannot read.

        Raises:
            RuntimeError: the voice failed, or is closed.
        """
        playing = Playing(self.sample_rate, now_s=time.monotonic())
        make_next = partial(next, self._sounds(text), None)
        made = self._threads.submit(make_next, due_s=playing.due_s)
        try:
            while (sound := await asyncio.wrap_future(made)) is not None:
                playing.add(sound, now_s=time.monotonic())
                made = self._threads.submit(make_next, due_s=playing.due_s)
                yield sound
        finally:
            made.cancel()

    def close(self) -> None:
        """Take no more text; a sentence under way breaks off behind its clause."""
        self._threads.close()
        self._phonemes.close()

    def _sounds(self, text: str) -> Iterator[Samples]:
        """Make one sound after the other, each with the pause before it. Advanced by one thread at a time."""
        pause = 0.0
        for clause in clauses(text):
            parts = self._read(clause)
            for sound in filter(len, map(self._sound, parts)):
                yield np.concatenate([np.zeros(int(pause * self.sample_rate), np.float32), sound])
                pause = 0.0
            if not parts:
                self._warn(clause)
            pause = PAUSES_S.get(clause.rstrip(CLOSERS)[-1:], 0.0)

    def _read(self, clause: str) -> list[str]:
        """Return the symbols of `clause`, in parts that the model takes."""
        read = []
        for number, part in enumerate(marks_apart(clause)):
            read.append(part.rstrip(CLOSERS) + " " if number % 2 else self._phonemes(part))
        symbols = self._speaker.symbols("".join(read).strip())
        return textwrap.wrap(symbols, self._speaker.most_symbols) if any(map(str.isalpha, symbols)) else []

    def _sound(self, symbols: str) -> Samples:
        usual, sound = self._gain.of(self._first_sentence, self.sample_rate), self._raw(symbols)
        if len(sound) < self.sample_rate // 10 or not sound.any():
            return np.empty(0, np.float32)
        own = gain_of(sound, self.sample_rate)
        return finish(sound, self.sample_rate, gain=min(max(own, usual / MOST_CHANGE), usual * MOST_CHANGE))

    def _first_sentence(self) -> Samples:
        sentence = WARM_UPS.get(self.language, WARM_UPS["English"])
        parts = [self._raw(part) for clause in clauses(sentence) for part in self._read(clause)]
        return np.concatenate(parts or [np.zeros(0, np.float32)])

    def _raw(self, symbols: str) -> Samples:
        try:
            sound = self._speaker.sound(symbols, speed=self._speed)
        except Exception as error:  # a foreign runtime, and whatever it raises the caller must hear something
            raise RuntimeError(f"the voice cannot speak {symbols[:80]!r}: {error}") from error
        if not np.isfinite(sound).all():
            raise RuntimeError(f"the voice makes no numbers of {symbols[:80]!r}")
        return sound

    def _warn(self, clause: str) -> None:
        if not self._warned:
            log.warning("the voice cannot read %r and leaves it out; further such text is not reported", clause[:80])
            self._warned = True


class _Gain:
    """What brings a voice to the level of all, measured once; shared by the same voice at other speeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gain: float | None = None

    def of(self, first_sentence: Callable[[], Samples], sample_rate: int) -> float:
        with self._lock:
            if self._gain is None:
                sound = first_sentence()
                if len(sound) < sample_rate // 10:
                    raise RuntimeError("the voice makes no sound of a first sentence")
                self._gain = gain_of(sound, sample_rate)
            return self._gain
