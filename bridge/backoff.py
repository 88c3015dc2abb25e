"""How long to wait before something that has failed is started again. Pure: time is an argument."""

from typing import Final

_LONGEST_S: Final = 30.0


class Backoff:
    """Pauses that double from `first_s` up to half a minute, and begin anew after a time of service."""

    def __init__(self, first_s: float, *, steady_s: float) -> None:
        """`steady_s`: an end after so much service is an accident, and the next pause is the first again."""
        self._first_s, self._steady_s = first_s, steady_s
        self._pause_s = first_s
        self._ready_s: float | None = None  # None: it has not been ready since the last failure

    def ready(self, now_s: float) -> None:
        """Note that it is at work. `now_s`: any clock that never goes back, as in `failed`."""
        self._ready_s = now_s

    def failed(self, now_s: float) -> float:
        """Note that it has ended, or did not start; return the seconds to wait before the next start."""
        if self._ready_s is not None and now_s - self._ready_s >= self._steady_s:
            self._pause_s = self._first_s
        self._ready_s = None
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, _LONGEST_S)
        return pause_s
