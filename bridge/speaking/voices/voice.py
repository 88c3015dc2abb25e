"""One voice as all calls hear it: at one level, within its time, counted, and from the cache what it said before."""

import math
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from typing import Final

import numpy as np

from bot.api import Samples, Tts
from bot.languages import named
from bot.tts.finishing import bend
from bridge.containment import contained
from bridge.speaking.voices.observer import VoiceObservers
from bridge.speaking.voices.sentence_cache import SentenceCache
from bridge.speaking.voices.sentence_files import Key
from bridge.speech.voices.http_voice import HttpVoice
from bridge.speech.voices.remaining import Pace
from bridge.timeouts import timeout

INAUDIBLE: Final = 0.003
"""Audio of which no sample is larger is silence: -50 dBFS, 40 dB below the peaks of speech."""
_MOST_VARIANTS: Final = 64
"""Voices that bots asked for by name and that are kept: beyond it they are made for each call."""


def audible(samples: Samples) -> bool:
    """Return whether anything of `samples` can be heard."""
    return float(np.abs(samples).max(initial=0.0)) > INAUDIBLE


class Voice:
    """A voice, shared by all calls. What it says is a `Tts` of the user's; this is what stands between."""

    def __init__(
        self,
        name: str,
        tts: Tts,
        *,
        gain: float = 1.0,
        limit_s: float = math.inf,
        speed: float = 1.0,
        cache: SentenceCache | None = None,
        identity: str = "",
        observers: VoiceObservers | None = None,
    ) -> None:
        """`name`: as the settings have it, for the log and the metrics. `gain`: what brings it to the level of all.

        `limit_s`: the next piece of a sentence must come within so long. `identity`: what the sound depends on besides
        the text, for `cache`. `speed`: 1 is as it speaks by itself; `paced` says whether it can do otherwise.
        """
        at_speed = getattr(tts, "at_speed", None)
        self.paced: Final = speed == 1.0 or callable(at_speed)
        """Whether it speaks as fast as it was asked to."""
        self.name, self._tts = name, at_speed(speed) if callable(at_speed) and speed != 1.0 else tts
        self.sample_rate: int = self._tts.sample_rate
        self.language: str = named(getattr(tts, "language", "") or "")
        self.languages: Final = tuple(map(named, getattr(tts, "languages", ()) or filter(None, (self.language,))))
        """English names of all that it says it speaks."""
        self.scripts: Collection[str] = getattr(tts, "scripts", ()) or ()
        self.takes_ipa: bool = getattr(tts, "takes_ipa", False) is True
        self.asks_servers: Final = isinstance(self._tts, HttpVoice)
        self.gain = gain
        self.pace = Pace()
        self._limit_s, self._speed, self._cache, self._identity = limit_s, speed, cache, identity
        self._observers = observers or VoiceObservers()
        self._variants: dict[str, Voice] = {}

    async def keep(self, text: str) -> None:
        """Have the cache keep `text` as what recurs, so that it is there when it is said; without a cache, nothing.

        Raises:
            Exception: as for `speak`.
        """
        if self._cache:
            async with aclosing(self._kept(self._cache, text, recurs=True)) as chunks:
                async for _ in chunks:
                    pass

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        """Yield the audio of one sentence in order, at `sample_rate`, as it is made or as the cache has it.

        Raises:
            Exception: whatever the voice raises, or TimeoutError where it says nothing for too long.
        """
        source = self._kept(self._cache, text) if self._cache else self._make(text)
        async with aclosing(source) as chunks:
            async for samples in chunks:
                yield samples

    def variant(self, name: str) -> "Voice":
        """Return another voice of the same engine.

        Raises:
            RuntimeError: it has one only, or none of this name.
        """
        if name in self._variants:
            return self._variants[name]
        other = getattr(self._tts, "voice", None)
        if not callable(other):
            raise RuntimeError(f"there is no voice {name!r}: {self.name} has one only")
        voice = Voice(
            self.name,  # metrics have a row for each voice of the settings, not for all that bots may name
            other(name),
            gain=self.gain,
            limit_s=self._limit_s,
            speed=self._speed,
            cache=self._cache,
            identity=f"{self._identity}\n{name}",
            observers=self._observers,
        )
        if len(self._variants) < _MOST_VARIANTS:
            self._variants[name] = voice
        return voice

    def _kept(self, cache: SentenceCache, text: str, *, recurs: bool = False) -> AsyncGenerator[Samples, None]:
        return cache.speak(
            Key(self._identity, text),
            make=lambda: self._make(text),
            recurs=recurs,
            on_asked=lambda hit: self._observers.from_cache(self.name, hit=hit),
        )

    async def _make(self, text: str) -> AsyncGenerator[Samples, None]:
        began_s, made = time.monotonic(), 0
        try:
            async with aclosing(self._tts.speak(text)) as chunks:
                while (samples := await self._next(chunks)) is not None:
                    if not made and len(samples):
                        self._observers.first_audio(self.name, took_s=time.monotonic() - began_s)
                    made += len(samples)
                    yield samples if self.gain == 1.0 else bend(samples * np.float32(self.gain))
        except Exception:  # a plug-in's, whatever it raises: who asked decides what the caller hears instead
            self._observers.failed(self.name)
            raise
        self.pace.finished(text, made / self.sample_rate, self.language)

    async def _next(self, chunks: AsyncGenerator[Samples, None]) -> Samples | None:
        """Return the next piece, None where there is none.

        Raises:
            TimeoutError: it does not come in time.
        """
        with contained(f"the voice {self.name}"):
            try:
                async with timeout(None if math.isinf(self._limit_s) else self._limit_s):
                    return await anext(chunks, None)
            except TimeoutError as error:
                raise TimeoutError(str(error) or f"it made no sound for {self._limit_s:g} s") from error
