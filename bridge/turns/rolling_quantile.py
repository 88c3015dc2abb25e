"""A quantile of the newest samples. Pure: it counts samples, not seconds."""

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from typing import Final

WINDOW: Final = 256
"""Samples that are kept. A p99 needs at least a hundred; a few calls give so many, so a bad minute is forgotten."""


class RollingQuantile:
    """The newest samples of one quantity of this process, e.g. milliseconds from pause to final.

    Shared by all calls, used on the event loop only. `add` costs microseconds, `quantile` less.
    """

    def __init__(self, first: int, *, window: int = WINDOW) -> None:
        """`first`: what `quantile` returns before the first sample. `window`: samples that are kept.

        Raises:
            ValueError: `window` is not 1 or more.
        """
        if window < 1:
            raise ValueError(f"window is {window}, must be 1 or more")
        self._in_order: deque[int] = deque()
        self._sorted: list[int] = []
        self._first, self._window = first, window

    def add(self, value: int) -> None:
        """Keep `value`, and drop the oldest sample if there are too many."""
        if len(self._in_order) == self._window:
            oldest = self._in_order.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._in_order.append(value)
        insort(self._sorted, value)

    def quantile(self, share: float) -> int:
        """Return the smallest sample that at least `share`, 0..1, of them do not exceed.

        With fewer than 100 samples the p99 is the greatest one: the error is on the side of waiting.
        """
        if not self._sorted:
            return self._first
        return self._sorted[max(0, ceil(share * len(self._sorted)) - 1)]
