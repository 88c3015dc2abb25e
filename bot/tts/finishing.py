"""A voice's sound made fit for a telephone: silence trimmed, one level, peaks bent, no click at a join."""

from typing import Final

import numpy as np
import numpy.typing as npt

from bot.api import Samples

ACTIVE_DBFS: Final = -20.0
"""Level of speech while it lasts, below a full-scale square wave: what telephone networks are lined up for."""

STEPS_A_SECOND: Final = 200  # 5 ms: the grain of trimming and the length of a fade
LEAD_STEPS: Final = 4  # 20 ms of silence before speech; hibari makes 240 to 350 ms, which the caller would wait for
TAIL_STEPS: Final = 24  # 120 ms of silence behind it; hibari makes 320 to 510 ms
SILENT: Final = 10 ** (-50 / 20)  # RMS; hibari's pauses are below -60 dBFS, the start of an "h" above -50
_KNEE: Final = 0.7  # amplitude from which peaks are bent, so that none passes 1.0


def gain_of(speech: Samples, sample_rate: int) -> float:
    """Return the factor that brings `speech` to ACTIVE_DBFS."""
    return float(10 ** (ACTIVE_DBFS / 20) / active_rms(speech, sample_rate))


def active_rms(samples: Samples, sample_rate: int = 24_000) -> float:
    """Return the RMS of the 20 ms frames of `samples` that are within 20 dB of the loudest: of speech, not pauses."""
    levels = frame_levels(samples, sample_rate // 50)
    return float(np.sqrt(np.mean(levels[levels >= levels.max() / 10] ** 2)))


def finish(sound: Samples, sample_rate: int, *, gain: float) -> Samples:
    """Trim the silence at both ends, set the level, bend the peaks and fade both ends. Empty if all is silence."""
    step = sample_rate // STEPS_A_SECOND
    loud = np.flatnonzero(frame_levels(sound, step) > SILENT)
    if not len(loud):
        return np.empty(0, np.float32)
    begin, end = max(0, loud[0] - LEAD_STEPS) * step, (loud[-1] + 1 + TAIL_STEPS) * step
    speech: Samples = bend(sound[begin:end] * np.float32(gain))
    ramp = np.linspace(0, 1, step, dtype=np.float32)
    speech[:step] *= ramp
    speech[-step:] *= ramp[::-1]
    return speech


def bend(speech: Samples) -> Samples:
    """Return `speech` with its peaks bent, so that none passes 1.0."""
    size = np.abs(speech)
    if size.max(initial=0.0) <= _KNEE:
        return speech
    bent = _KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE))
    return np.where(size > _KNEE, np.copysign(bent, speech), speech)


def frame_levels(samples: Samples, frame: int) -> npt.NDArray[np.float32]:
    """Return the RMS of each whole frame."""
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    levels: npt.NDArray[np.float32] = np.sqrt(np.mean(frames**2, axis=1))
    return levels
