"""Wire audio -> 16 kHz float32 -> denoised -> VAD windows, of one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Samples, Vad
from bridge.speech.resample import make_resampler
from telephony.codec import decode
from telephony.events import AudioFormat, Media

_AHEAD: Final = 32
"""Samples, 2 ms, by which a resampler may give more than its share of what it gets."""


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """One VAD window."""

    samples: Samples
    """What the recogniser will hear, shape (vad.window,)."""
    probability: float
    """P(speech)."""
    from_ms: int
    to_ms: int
    """Media time: the window's first sample, and the first after it."""


class Cleaner(Protocol):
    """What the ear needs: `denoising.Denoising` is one."""

    async def __call__(self, samples: Samples, /) -> tuple[Samples, Samples]:
        """Return (denoised, raw), as long as `samples`, aligned with each other."""


class Ear:
    """The hearing of one call: media in, scored windows out, in order. What does not fill a window waits."""

    def __init__(self, audio: AudioFormat, *, vad: Vad, cleaner: Cleaner | None = None, vad_raw: bool = False) -> None:
        """`vad_raw`: whether the VAD hears the signal before the denoiser."""
        self._encoding, self._rate = audio.encoding, audio.sample_rate
        self._resample = make_resampler(audio.sample_rate, SAMPLE_RATE)
        self._vad, self._cleaner, self._vad_raw = vad, cleaner, vad_raw
        self._held = b""  # packets that fill no window yet
        self._clean = np.empty(0, np.float32)  # heard, not yet in a window
        self._raw = np.empty(0, np.float32)  # the same samples before the denoiser
        self._scored = 0  # samples in windows so far: the media clock

    @property
    def now_ms(self) -> int:
        """Media time of the first sample that is in no window yet."""
        return self._scored * 1000 // SAMPLE_RATE

    async def hear(self, media: Media) -> Sequence[ScoredWindow]:
        """Return the windows that `media` completes.

        Without a cleaner, a packet that completes none is kept as it is and made samples of with the next, which costs
        no more than one: of eight packets of 20 ms that is three.

        Raises:
            EngineFailed: the VAD broke.
        """
        self._held += media.payload
        if self._cleaner is None and not self._may_complete_one():
            return ()
        samples = self._samples()
        clean, raw = await self._cleaner(samples) if self._cleaner else (samples, samples)
        self._clean = np.concatenate((self._clean, clean))
        self._raw = np.concatenate((self._raw, raw)) if self._vad_raw else self._clean
        return [await self._score() for _ in range(len(self._clean) // self._vad.window)]

    def rest(self) -> Samples:
        """Return and forget the samples that fill no window: the last milliseconds of a call."""
        if self._held:
            self._clean = np.concatenate((self._clean, self._samples()))
        rest, self._clean, self._raw = self._clean, self._clean[:0], self._raw[:0]
        self._scored += len(rest)
        return rest

    def _may_complete_one(self) -> bool:
        more = len(self._held) // self._encoding.sample_bytes * SAMPLE_RATE // self._rate
        return len(self._clean) + more + _AHEAD >= self._vad.window

    def _samples(self) -> Samples:
        """Return what is held, at 16 kHz."""
        held, self._held = self._held, b""
        return self._resample(decode(held, self._encoding))

    async def _score(self) -> ScoredWindow:
        window = self._vad.window
        probability = await self._vad(self._raw[:window])
        heard, from_ms = self._clean[:window], self.now_ms
        self._clean, self._raw = self._clean[window:], self._raw[window:]
        self._scored += window
        return ScoredWindow(heard, probability, from_ms, self.now_ms)
