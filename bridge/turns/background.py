"""How loud the line is while the caller lets the bot speak: television, street, what is left of the bot's echo. Pure.

What it knows makes an interruption out of speech that stands out sooner, and out of speech that does not later.
"""

from collections import deque
from enum import Enum
from typing import Final

from bridge.turns.rolling_quantile import RollingQuantile

_WINDOWS: Final = 60
"""Of 32 ms, which are kept: two seconds, in which people in the background say something."""
_LEAST: Final = 10
"""Windows from which on the background is known."""
_AGE: Final = 10
"""A window counts so many windows later: what begins now is no background yet."""
_SHARE: Final = 0.8
"""The background is as loud as this share of them at most: voices have gaps."""


class Prominence(Enum):
    """How much speech counts in sixths of its duration, by what the background is."""

    OUT = 10
    """Above it: three windows of 32 ms do what else takes five."""
    UNKNOWN = 6
    WITHIN = 3
    """As loud as what is always there: the television, or a caller in a noise as loud as they are."""


class Background:
    """Of one call. Tell it every window in which the caller lets the bot speak."""

    def __init__(self, margin_db: float) -> None:
        """`margin_db`: speech that is louder by so much stands out."""
        self._margin_db = margin_db
        self._levels = RollingQuantile(0, window=_WINDOWS)
        self._new: deque[float] = deque()
        self._known = 0

    def hear(self, level_db: float) -> Prominence:
        """Take the next window of `level_db`, dBFS; return how speech in it stands against what was before."""
        prominence = self._prominence(level_db)
        self._new.append(level_db)
        if len(self._new) > _AGE:
            self._levels.add(round(self._new.popleft()))
            self._known += 1
        return prominence

    def _prominence(self, level_db: float) -> Prominence:
        if self._known < _LEAST:
            return Prominence.UNKNOWN
        out = level_db >= self._levels.quantile(_SHARE) + self._margin_db
        return Prominence.OUT if out else Prominence.WITHIN
