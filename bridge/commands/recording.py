"""What a simulated caller says: a recording, and where in it speech begins and ends."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.speaking.wav import read_wav
from telephony.codec import encode
from telephony.events import Encoding

RATE: Final = 8000
"""Sample rate of recordings, hertz."""
_SPEECH_DB: Final = 40.0
"""A 10 ms window is speech if it is at most this much quieter than the loudest window."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to say."""

    name: str
    mulaw: bytes
    """mu-law at RATE."""
    begins_ms: int
    """Start of the first sound in it."""
    ends_ms: int
    """End of the last sound in it."""


def load(path: Path) -> Recording:
    """Read a 16-bit PCM WAV of any rate.

    Raises:
        OSError: it cannot be read.
        ValueError: it is something else, or silent.
    """
    audio = read_wav(str(path), RATE, longest_s=math.inf)
    begins_ms, ends_ms = speech_span(audio)
    return Recording(path.name, encode(audio, Encoding.MULAW), begins_ms, ends_ms)


def speech_span(audio: Samples) -> tuple[int, int]:
    """Return where speech begins and ends in `audio`, in milliseconds; float32 at RATE, shape (n,).

    Raises:
        ValueError: there is no speech.
    """
    windows = audio[: len(audio) // 80 * 80].reshape(-1, 80)
    energy = np.sqrt((windows**2).mean(axis=1)) if len(windows) else np.zeros(1)
    if energy.max() < 1e-4:
        raise ValueError("there is nothing to be heard in the recording")
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-_SPEECH_DB / 20))
    return int(loud[0]) * 10, int(loud[-1] + 1) * 10
