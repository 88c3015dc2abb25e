"""Sounds that are no speech: noises behind a caller, and a cough. Made by rule, the same each time. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bot.api import Samples
from bot.tts.finishing import ACTIVE_DBFS, active_rms
from bridge.commands.recording import RATE

BABBLE_TEXTS: Final = (
    "So we went down to the river yesterday, and nobody else was there at all.",
    "I told her three times that the train leaves at nine, and she would not believe it.",
    "They have the good bread again, the one with seeds, but only in the morning.",
    "What did he say about the car? It cannot take two weeks to find a door for it.",
)
"""What people behind the caller say."""
_NOISE_S: Final = 8
_COUGH_MS: Final = (60, 220)
"""Its burst, and what follows."""


def white() -> Samples:
    """Return noise with all frequencies, as a bad line has it: float32 at 8 kHz, shape (n,)."""
    return _noise(1).astype(np.float32)


def hum() -> Samples:
    """Return a machine: mains hum with its overtones, and low noise."""
    t = np.arange(_NOISE_S * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 9))
    return (tones + 0.5 * np.cumsum(_noise(2)) / 40).astype(np.float32)


def babble(voices: Sequence[Samples]) -> Samples:
    """Return people who talk at once, none of them to us; `voices`: float32 at 8 kHz each."""
    length = max(len(voice) for voice in voices)
    mixed = np.zeros(length, np.float32)
    for number, voice in enumerate(voices):
        mixed += np.roll(np.resize(voice, length), number * length // len(voices))
    return mixed


def cough() -> Samples:
    """Return a cough, about as loud as speech."""
    burst_n, tail_n = (ms * RATE // 1000 for ms in _COUGH_MS)
    noise = _noise(3)[: burst_n + tail_n]
    rough = np.convolve(noise, np.ones(4) / 4, mode="same")
    shape = np.concatenate([np.linspace(0, 1, burst_n) ** 0.5, np.exp(-4 * np.linspace(0, 1, tail_n))])
    quiet = np.zeros(RATE // 10)
    return at_level(np.concatenate([rough * shape, quiet]).astype(np.float32), ACTIVE_DBFS)


def below_speech(sound: Samples, snr_db: float) -> Samples:
    """Return `sound` at a level `snr_db` below that of speech."""
    return at_level(sound, ACTIVE_DBFS - snr_db)


def at_level(sound: Samples, dbfs: float) -> Samples:
    """Return `sound` with its loud parts at `dbfs`, as the level of speech is measured."""
    level = active_rms(sound, RATE) if len(sound) >= RATE // 50 else 0.0
    return sound if not level else np.clip(sound * np.float32(10 ** (dbfs / 20) / level), -1, 1)


def _noise(seed: int) -> Samples:
    return np.random.default_rng(seed).standard_normal(_NOISE_S * RATE).astype(np.float32)
