"""The beep after which a machine records: one steady tone, which no voice holds. Pure."""

from typing import Final

import numpy as np
import numpy.typing as npt

from bridge.speech.api import SAMPLE_RATE, Samples

LEAST_MS: Final = 200
MOST_MS: Final = 2500
"""A tone that lasts longer is a fax or a line that is out of order; it is told of then, too."""
_LOW_HZ, _HIGH_HZ = 400, 2500
_PURITY: Final = 0.8
"""Of the window's energy in the tone. Of a vowel no more than 0.6 is in one harmonic, and that for a moment."""
_WANDER_HZ: Final = 25.0
_LEAST_RMS: Final = 0.003  # -50 dBFS
_LOBE: Final = 2  # bins on each side that a Hann window spreads a tone over


class Beep:
    """Listens to one call."""

    def __init__(self) -> None:
        self._hz = 0.0  # of the tone under way, as it began
        self._lasted_ms = 0

    @property
    def sounding(self) -> bool:
        """True during a tone that may become a beep."""
        return self._lasted_ms > 0

    def hear(self, samples: Samples) -> bool:
        """Hear a window of 20 to 64 ms at 16 kHz; return whether a beep has just ended, or goes on for ever."""
        hz = _tone(samples)
        steady = bool(hz) and (not self._lasted_ms or abs(hz - self._hz) <= _WANDER_HZ)
        lasted_ms = self._lasted_ms
        if steady:
            self._hz = self._hz if lasted_ms else hz
            self._lasted_ms += len(samples) * 1000 // SAMPLE_RATE
            return lasted_ms < MOST_MS <= self._lasted_ms
        self._hz, self._lasted_ms = hz, len(samples) * 1000 // SAMPLE_RATE if hz else 0
        return LEAST_MS <= lasted_ms < MOST_MS


def _tone(samples: Samples) -> float:
    """Return the frequency of the one tone that `samples` are, 0.0 where they are something else."""
    if float(np.sqrt(np.mean(samples**2))) < _LEAST_RMS:
        return 0.0
    power: npt.NDArray[np.float64] = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    step_hz = SAMPLE_RATE / len(samples)
    peak = int(np.argmax(power))
    lobe = slice(max(0, peak - _LOBE), peak + _LOBE + 1)
    if float(power[lobe].sum()) < _PURITY * float(power.sum()):
        return 0.0
    hz = float((power[lobe] * np.arange(lobe.start, lobe.start + len(power[lobe]))).sum() / power[lobe].sum()) * step_hz
    return hz if _LOW_HZ <= hz <= _HIGH_HZ else 0.0
