"""Turns the samples of a voice into the bytes of a wire."""

from typing import Final

import numpy as np

from bot.api import Samples
from bridge.speech.resample import make_resampler
from telephony.codec import encode
from telephony.events import AudioFormat

_SLICE_MS: Final = 200
"""Audio that is resampled at a time. So little stays in the cache and on one thread: 5 s of speech take 3 ms of the
event loop instead of 8."""


class WireEncoder:
    """Resamples and encodes one stretch of audio, piece by piece, into whole frames of 20 ms."""

    def __init__(self, tts_rate: int, audio: AudioFormat) -> None:
        """`tts_rate`: sample rate of the voice, hertz; `audio`: what the wire takes.

        Raises:
            ValueError: there is no resampler between the two rates.
        """
        self._encoding = audio.encoding
        self._resample = make_resampler(tts_rate, audio.sample_rate)
        self._slice = max(1, tts_rate * _SLICE_MS // 1000)
        self._frame = max(1, audio.sample_rate // 50)
        self._held: Samples = np.empty(0, np.float32)

    def encode(self, samples: Samples, /) -> bytes:
        """Return the frames that `samples` complete, b"" if none; the rest waits. float32 in [-1, 1], shape (n,)."""
        slices = (samples[begin : begin + self._slice] for begin in range(0, len(samples), self._slice))
        ready = np.concatenate((self._held, *(self._resample(part) for part in slices)))
        whole = len(ready) // self._frame * self._frame
        self._held = ready[whole:]
        return encode(ready[:whole], self._encoding)

    def flush(self) -> bytes:
        """Return what still waits, filled up with silence to a whole frame. The next samples begin a new stretch."""
        rest = np.concatenate((self._held, self._resample.flush()))
        self._held = np.empty(0, np.float32)
        return encode(np.pad(rest, (0, -len(rest) % self._frame)), self._encoding)


class SentenceEncoder:
    """Encodes a sentence, in which one voice may follow another: each has a rate of its own."""

    def __init__(self, audio: AudioFormat) -> None:
        """`audio`: what the wire takes."""
        self._audio, self._rate = audio, 0
        self._encoder: WireEncoder | None = None

    def encode(self, samples: Samples, sample_rate: int) -> bytes:
        """Return the frames that `samples`, at `sample_rate` hertz, complete; those of another rate end before."""
        before = b""
        if self._encoder is None or sample_rate != self._rate:
            before, self._encoder, self._rate = self.flush(), WireEncoder(sample_rate, self._audio), sample_rate
        return before + self._encoder.encode(samples)

    def flush(self) -> bytes:
        """Return what still waits, filled up with silence to a whole frame."""
        return self._encoder.flush() if self._encoder else b""
