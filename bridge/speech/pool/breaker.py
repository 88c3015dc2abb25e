"""Decides whether an engine may be asked, and when one that failed is asked again. Pure: the clock is an argument."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

TOLERATED: Final = 2
"""Failures in a row that may be the audio's fault. The next is the engine's: one that fails at once looks idle."""

FIRST_DELAY_S: Final = 0.25
LONGEST_DELAY_S: Final = 5.0
LONGEST_REST_S: Final = 30.0
"""Longest rest that an engine may ask for, because callers are waiting."""


class BreakerState(StrEnum):
    """What the pool thinks of an engine."""

    CLOSED = "closed"  # it works
    OPEN = "open"  # it is gone, or hangs: only its health is asked for
    TRIAL = "trial"  # it says that it is back; the next decode will tell


class Breaker:
    """CLOSED -lost, or failed too often-> OPEN -its health check says yes-> TRIAL -a decode succeeds-> CLOSED.

    A failure on TRIAL opens it again, and for longer.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self.state = BreakerState.CLOSED
        self.delay_s = FIRST_DELAY_S
        """Seconds until the pool asks an OPEN engine for its health."""
        self._clock_s, self._failures, self._rests_until_s = clock_s, 0, -float("inf")

    @property
    def resting_s(self) -> float:
        """Seconds for which the engine wants to be left alone."""
        return max(0.0, self._rests_until_s - self._clock_s())

    def succeeded(self) -> None:
        """Note that a decode gave an answer. It says nothing of an engine that was lost since it began."""
        if self.state is not BreakerState.OPEN:
            self.state, self.delay_s, self._failures = BreakerState.CLOSED, FIRST_DELAY_S, 0

    def failed(self) -> None:
        """Note that a decode failed or hung."""
        self._failures += 1
        if self.state is BreakerState.TRIAL or self._failures > TOLERATED:
            self.lost()

    def lost(self) -> None:
        """Note that the engine is dead or out of reach."""
        if self.state is BreakerState.TRIAL:
            self.missed()
        self.state = BreakerState.OPEN

    def rest(self, seconds: float | None) -> None:
        """Leave the engine alone for `seconds`, because it has too much to do. None: it did not say for how long."""
        rest_s = FIRST_DELAY_S if seconds is None else min(seconds, LONGEST_REST_S)
        self._rests_until_s = max(self._rests_until_s, self._clock_s() + rest_s)

    def answered(self) -> None:
        """Note that the health check said yes."""
        if self.state is BreakerState.OPEN:
            self.state, self._failures = BreakerState.TRIAL, 0

    def missed(self) -> None:
        """Note that the health check said no."""
        self.delay_s = min(2 * self.delay_s, LONGEST_DELAY_S)
