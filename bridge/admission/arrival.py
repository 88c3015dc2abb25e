"""Whether a client sends its audio as it is spoken, or faster. Pure: the clock is an argument."""

from collections.abc import Callable
from typing import Final

FAST_MS: Final = 2_000
"""A client so far ahead of the clock sends a recording."""
_LATE_MS: Final = 5_000
"""So much may come in one burst, after a time in which the network or we stood still."""
_MOST_MS: Final = 10_000
"""What is further ahead is forgotten: so long after the recording it may count as live again."""


class Arrival:
    """Compares the audio of one client with the clock. LIVE -`FAST_MS` ahead-> FAST -not ahead any more-> LIVE."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self.fast = False
        self._clock_s = clock_s
        self._at_s: float | None = None  # of what came last
        self._ahead_ms = 0.0

    def came(self, audio_ms: float) -> None:
        """Note that so much audio came now."""
        now_s = self._clock_s()
        passed_ms = 0.0 if self._at_s is None else 1000 * (now_s - self._at_s)
        self._at_s = now_s
        self._ahead_ms = max(-_LATE_MS, self._ahead_ms - passed_ms)
        if self._ahead_ms <= 0:
            self.fast = False
        self._ahead_ms = min(_MOST_MS, self._ahead_ms + audio_ms)
        if self._ahead_ms > FAST_MS:
            self.fast = True
