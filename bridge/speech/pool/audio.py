"""Checks audio once, before any engine gets it: vLLM accepts NaN, int16 and empty audio without a word."""

from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, BadRequest, Samples

_LOUDEST: Final = 8.0
"""Peak above which audio has another scale: resamplers and loud clients overshoot by less."""


def checked(audio: Samples) -> Samples:
    """Return `audio`, clipped to [-1, 1] if it overshoots a little.

    Raises:
        BadRequest: it is not float32 of shape (n,), is empty, holds NaN or infinity, or is of another scale.
    """
    if audio.dtype != np.float32 or audio.ndim != 1:
        hint = "; divide int16 by 32768" if audio.dtype == np.int16 else ""
        raise BadRequest(f"audio is {audio.dtype} of shape {audio.shape}, must be float32 of shape (n,){hint}")
    if not len(audio):
        raise BadRequest("audio is empty")
    peak = max(float(audio.max()), -float(audio.min()))
    if not np.isfinite(peak):  # both carry a NaN along
        raise BadRequest("audio holds NaN or infinity")
    if peak > _LOUDEST:
        raise BadRequest(f"audio peaks at {peak:g}, must be in [-1, 1]; int16 that was cast must be divided by 32768")
    return np.clip(audio, -1, 1) if peak > 1 else audio


def padded(audio: Samples, shortest_s: float) -> Samples:
    """Return `audio` with silence after it, so that it lasts at least `shortest_s` seconds."""
    missing = round(shortest_s * SAMPLE_RATE) - len(audio)
    return np.pad(audio, (0, missing)) if missing > 0 else audio
