"""A token bucket: how often something may happen. Pure: time is an argument."""


class Bucket:
    """Fills up at a steady rate; whatever happens takes one."""

    def __init__(self, per_second: float, *, burst: float = 0.0) -> None:
        """`burst`: what it holds when it is full; one second's worth where that is more, and one at least."""
        self._rate, self._size = per_second, max(1.0, per_second, burst)
        self._level, self._at_s = self._size, 0.0

    def has(self, now_s: float) -> bool:
        """Return whether one more may happen now, and take nothing."""
        self._level = min(self._size, self._level + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        return self._level >= 1

    def take(self, now_s: float) -> bool:
        """Return whether one more may happen now; if so, it does."""
        if not self.has(now_s):
            return False
        self._level -= 1
        return True
