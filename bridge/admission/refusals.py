"""What a refusal leaves behind: a line in the log, few enough of them, and a count in the metrics."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import Counter

from bridge.logs import short

log = logging.getLogger(__name__)

_WINDOW_S: Final = 60.0
_LINES: Final = 10
"""So many lines a window for one door and reason: an operator who tries sees each try, a flood fills no disk."""
_DETAIL_CHARS: Final = 300


class Why(StrEnum):
    """Reasons, as the metrics have them."""

    NO_TOKEN = "no_token"
    WRONG_TOKEN = "wrong_token"
    SIGNATURE = "signature"
    ORIGIN = "origin"
    HOST = "host"
    CLOSED = "closed"
    ADDRESS = "address"
    NUMBER = "number"
    MALFORMED = "malformed"
    SLOW = "slow"
    CONNECTIONS = "connections"
    PASSWORD = "password"
    GUESSES = "guesses"
    SCOPE = "scope"


@dataclass(slots=True)
class _Window:
    began_s: float
    lines: int = 0
    untold: int = 0


class Refusals:
    """Counts every refusal and logs the first few of each kind."""

    def __init__(self, counter: Counter, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`counter` has the labels door and reason; `clock` gives seconds that never go back."""
        self._counter, self._clock = counter, clock
        self._windows: dict[tuple[str, Why], _Window] = {}

    def note(self, door: str, why: Why, *, peer: str, detail: str) -> None:
        """Tell of one refusal. `door`: a name of ours. `detail`: in words, and may quote what the peer sent."""
        self._counter.labels(door, why).inc()
        window = self._window(door, why)
        if window.lines >= _LINES:
            window.untold += 1
            return
        window.lines += 1
        told = short(detail, _DETAIL_CHARS)
        more = f" (and {window.untold} more before it)" if window.untold else ""
        window.untold = 0
        log.warning("refused %s at the door %s: %s%s", peer or "somebody", door, told, more)

    def _window(self, door: str, why: Why) -> _Window:
        now_s = self._clock()
        window = self._windows.setdefault((door, why), _Window(now_s))
        if now_s - window.began_s >= _WINDOW_S:
            window.began_s, window.lines = now_s, 0
        return window
