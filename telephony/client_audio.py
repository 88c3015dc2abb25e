"""The audio of a client that sends raw samples in messages of any length."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from telephony.events import AudioFormat, Encoding, Malformed, Media
from telephony.malformed import Refused
from telephony.media_time import MediaTime
from telephony.whole_samples import WholeSamples

MAX_AUDIO_BYTES: Final = 1024 * 1024
"""16 s of float32 at 16 kHz in one message."""
MAX_PEAK: Final = 2.0
"""Samples a little beyond [-1, 1] are clipped; beyond this their scale is wrong."""
SAMPLE_RATE: Final = (8000, 48_000)
"""From telephone to studio."""
_TELLING: Final = 8
"""Samples in a message whose sound tells whether what the one before had over belongs to it."""


class ClientAudio:
    """Puts the messages of one client behind each other."""

    def __init__(self, audio: AudioFormat, *, name: str, max_bytes: int = MAX_AUDIO_BYTES) -> None:
        """`name`: what the client calls the encoding. `max_bytes`: in one message."""
        self._time, self._whole = MediaTime(audio), WholeSamples(audio.encoding, telling=_TELLING)
        self._name, self._max_bytes = name, max_bytes
        self._told_of_cuts = False

    @property
    def audio(self) -> AudioFormat:
        return self._time.audio

    @property
    def now_ms(self) -> int:
        """Media time at which all that came so far has ended."""
        return self._time.now_ms

    def change(self, audio: AudioFormat, *, name: str) -> None:
        """Go on in another format."""
        self._time.change(audio)
        self._whole, self._name = WholeSamples(audio.encoding, telling=_TELLING), name

    def take(self, payload: bytes) -> Sequence[Media | Malformed]:
        """Return the whole samples of a message, and a complaint where it ends within one: the first is told.

        Raises:
            Refused: it is too long, or its samples are no audio.
        """
        if len(payload) > self._max_bytes:
            raise Refused(f"audio: got {len(payload)} bytes in one message; allowed: at most {self._max_bytes}")
        whole = self._whole.take(payload)
        if whole and self.audio.encoding is Encoding.FLOAT32:
            whole = _checked(whole)
        return [*([self._time.place(whole)] if whole else ()), *self._cut(payload)]

    def _cut(self, payload: bytes) -> Sequence[Malformed]:
        size = self.audio.encoding.sample_bytes
        if not len(payload) % size:
            return ()
        told, self._told_of_cuts = self._told_of_cuts, True
        allowed = f"a multiple of {size}, as samples are {self._name}"
        text = f"audio: got {len(payload)} bytes; allowed: {allowed}; what is over goes before the next message"
        return [Malformed(text, told=not told)]


def _checked(payload: bytes) -> bytes:
    """Return float32 samples clipped to [-1, 1]."""
    samples = np.frombuffer(payload, "<f4")
    peak = float(max(samples.max(), -samples.min()))
    if not math.isfinite(peak):
        worst = samples[~np.isfinite(samples)][0]
        raise Refused(f"audio: got a sample that is {worst}; allowed: finite numbers in [-1, 1]")
    if peak > MAX_PEAK:
        raise Refused(f"audio: got a peak of {peak:g}; allowed: [-1, 1]; int16 samples go as such or divided by 32768")
    return bytes(samples.clip(-1.0, 1.0)) if peak > 1.0 else payload
