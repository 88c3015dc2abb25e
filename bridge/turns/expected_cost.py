"""The wait that costs least: a late answer costs its milliseconds, a caller cut short as many as they are worth. Pure."""

import math
from dataclasses import dataclass
from typing import Final

_WINDOW_MS: Final = 32
"""Waits end with a window of the VAD."""
_REPLY_MS: Final = 30
"""From the close of a turn to the bot's first sound, where the reply was begun ahead: nobody is cut short later."""
_SPREAD: Final = 0.7
"""Standard deviation of the logarithm of pauses inside turns; with a median of 450 ms it fits made and own ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseLengths:
    """How long pauses inside a turn last: log-normal."""

    median_ms: float

    def longer_than(self, ms: float) -> float:
        """Return the share of pauses that are longer."""
        return 0.5 - 0.5 * math.erf(math.log(max(1.0, ms) / self.median_ms) / (_SPREAD * math.sqrt(2)))


def cheapest_wait_ms(probability: float, *, cut_ms: int, least_ms: int, most_ms: int, pauses: PauseLengths) -> int:
    """Return the wait from `least_ms` to `most_ms` of least `cut_ms` x P(cut short) + P(end) x wait.

    Args:
        probability: P(the caller is done), 0..1.
        cut_ms: what a caller cut short is worth in milliseconds of waiting.
    """

    def cost(wait_ms: int) -> float:
        heard_ms = wait_ms + _REPLY_MS
        return cut_ms * (1 - probability) * pauses.longer_than(heard_ms) + probability * heard_ms

    return min(range(least_ms, max(least_ms, most_ms) + 1, _WINDOW_MS), key=cost)
