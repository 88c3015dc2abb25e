"""Reads the WAV files that the bot plays: whole, and of limited length."""

import io
import wave
from pathlib import Path
from typing import Final

import numpy as np

from bot.api import Samples
from bridge.speech.resample import resample_whole

MAX_S: Final = 600
"""Seconds of audio that are read at most."""


def read_wav(path: str, sample_rate: int, *, longest_s: float = MAX_S) -> Samples:
    """Return a 16-bit WAV file as float32 in [-1, 1], shape (n,), at `sample_rate` hertz, its channels mixed.

    Blocks: it reads a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no 16-bit WAV file, or longer than `longest_s`.
    """
    try:
        return _read(str(Path(path)), sample_rate, longest_s)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def samples_of(data: bytes, sample_rate: int, *, longest_s: float = MAX_S) -> Samples:
    """Return the same of a file that is in memory.

    Raises:
        ValueError: as above.
    """
    return _read(io.BytesIO(data), sample_rate, longest_s)


def _read(file_or_path: str | io.BytesIO, sample_rate: int, longest_s: float) -> Samples:
    try:
        with wave.open(file_or_path, "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError(f"samples of {8 * file.getsampwidth()} bits; allowed: 16")
            rate, channels = file.getframerate(), file.getnchannels()
            if not rate:  # `wave` takes it
                raise ValueError("no samples a second")
            # What is there counts, not what the head says: who writes while the sound is made does not know its length.
            frames = file.readframes(int(min(file.getnframes(), longest_s * rate + 1)))
            pcm = np.frombuffer(frames[: len(frames) // 2 * 2], "<i2")
            if len(pcm) > longest_s * rate * channels:
                raise ValueError(f"it is longer than allowed: at most {longest_s:g} s")
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk is longer than the file says
        raise ValueError(f"no WAV file that can be played ({error})") from error
    mono = pcm[: len(pcm) // channels * channels].reshape(-1, channels).mean(axis=1) / 32768
    return resample_whole(mono.astype(np.float32), rate, sample_rate)
