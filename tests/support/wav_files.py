"""Sound files for bots to play."""

import wave
from pathlib import Path

import numpy as np


def write(path: Path, *, rate: int = 8000, channels: int = 1, width: int = 2, seconds: float = 1.0) -> str:
    at = np.arange(int(seconds * rate)) / rate
    sound = (8000 * np.sin(2 * np.pi * 440 * at)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(sound, channels).tobytes() if width == 2 else bytes(len(sound)))
    return str(path)
