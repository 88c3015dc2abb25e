"""Keys as tones in the audio, for wires that have no message for keys. Pure."""

from typing import Final

import numpy as np

from bot.api import Samples

_LOW: Final = (697, 770, 852, 941)
_HIGH: Final = (1209, 1336, 1477, 1633)
_ROWS: Final = ("123A", "456B", "789C", "*0#D")
_TONE_S, _GAP_S, _PAUSE_S = 0.1, 0.08, 0.5
_PEAK: Final = 0.25
"""Amplitude of each of the two tones: a key is 9 dB below a full-scale sine."""


def tones(digits: str, sample_rate: int) -> Samples:
    """Return `digits` as ITU-T Q.23 tones of 100 ms with gaps of 80 ms: float32 in [-0.5, 0.5], shape (n,).

    `digits`: one or more of 0-9 * # A-D, and w for half a second of silence, as bot.actions.SendDtmf checks.
    """
    return np.concatenate([_tone(digit.upper(), sample_rate) for digit in digits])


def _tone(digit: str, rate: int) -> Samples:
    if digit == "W":
        return np.zeros(int(_PAUSE_S * rate), np.float32)
    row = next(row for row, keys in enumerate(_ROWS) if digit in keys)
    at = np.arange(int(_TONE_S * rate)) / rate
    pair = (_LOW[row], _HIGH[_ROWS[row].index(digit)])
    sound = sum(_PEAK * np.sin(2 * np.pi * hertz * at) for hertz in pair)
    return np.concatenate([np.asarray(sound, np.float32), np.zeros(int(_GAP_S * rate), np.float32)])
