"""How loud audio is, and where in it a word may begin. Pure."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bridge.speech.api import Samples

FRAME_MS: Final = 20
SILENT_DB: Final = -90.0
"""Level that digital silence counts as, dBFS; no level is lower."""
_NEAR_MS: Final = 160
"""Greatest distance of a word from the place that its letters give: fast and slow words differ by about as much."""


def level_db(samples: Samples) -> float:
    """Return the level of `samples`, dBFS: their root mean square. At least SILENT_DB."""
    power = float(np.dot(samples, samples)) / len(samples) if len(samples) else 0.0
    return max(SILENT_DB, 10 * float(np.log10(power))) if power > 0 else SILENT_DB


def levels_db(samples: Samples, frame: int) -> list[float]:
    """Return the level, dBFS, of every `frame` samples; the last, short ones count as filled up with silence."""
    padded = np.pad(samples, (0, -len(samples) % frame)).reshape(-1, frame)
    power = np.maximum(np.square(padded).mean(axis=1), 10 ** (SILENT_DB / 10))
    return [float(level) for level in 10 * np.log10(power)]


def word_begin(levels: Sequence[float], *, near: int, latest: int) -> int:
    """Return the frame from which a cut sentence is spoken again: the quietest one around frame `near`.

    It is the gap between two words, and not later than `latest`. `levels`: dBFS of each FRAME_MS of the sentence.
    """
    reach = _NEAR_MS // FRAME_MS
    latest = min(latest, len(levels))
    first, last = max(0, min(near, latest) - reach), min(near + reach, latest)
    if first >= last or first == 0:
        return first
    return min(range(first, last), key=lambda frame: (levels[frame], -frame))
