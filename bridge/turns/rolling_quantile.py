"""A quantile of what was measured lately. Pure: it counts samples, not seconds."""

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from typing import Final

WINDOW: Final = 256
"""Samples remembered: a p99 needs a hundred at least, and a few calls' worth of them still forgets a bad minute."""


class RollingQuantile:
    """The newest samples of one quantity of this process, e.g. milliseconds from pause to final.

    Shared by all calls, used on the event loop only. Adding costs microseconds, asking nothing.
    """

    def __init__(self, first: int, *, window: int = WINDOW) -> None:
        """`first`: taken for a sample until something is measured.

        Raises:
            ValueError: `window` is not 1 or more.
        """
        if window < 1:
            raise ValueError(f"window is {window}, must be 1 or more")
        self._in_order: deque[int] = deque()
        self._sorted: list[int] = []
        self._first, self._window = first, window

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, value: int) -> None:
        """Remember `value`, and forget the oldest where there are too many."""
        if len(self._in_order) == self._window:
            oldest = self._in_order.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._in_order.append(value)
        insort(self._sorted, value)

    def quantile(self, share: float) -> int:
        """Return the smallest sample that at least `share` (0 to 1) of them do not exceed.

        Of fewer than 100 samples the p99 is the greatest of all: an estimate errs towards waiting.
        """
        if not self._sorted:
            return self._first
        return self._sorted[max(0, ceil(share * len(self._sorted)) - 1)]
