"""How loud this caller speaks to the bot: who is much quieter while it speaks talks to somebody else. Pure.

People who want the floor speak up (French and Local, "Turn-competitive incomings", Journal of Pragmatics 7, 1983); who
turns away from the telephone, people behind the caller and a television are quieter than the caller's own turns.
"""

from typing import Final

from bridge.turns.rolling_quantile import RollingQuantile

_WINDOWS: Final = 320
"""Of 32 ms, which are kept: ten seconds of the caller's newest speech, so that a telephone that is put on the table
counts as that after a turn or two."""
_LEAST: Final = 24
"""Windows from which on the level is known: most of a second of speech."""
_SHARE: Final = 0.8
"""The level is that of the vowels: it is not exceeded by this share of the windows."""


class CallerLevel:
    """Of one call. Tell it every window of speech to a bot that is silent."""

    def __init__(self, below_db: float) -> None:
        """`below_db`: what is quieter by more is not near; 0 where everything is."""
        self._below_db = below_db
        self._levels = RollingQuantile(0, window=_WINDOWS)
        self._known = 0

    def learn(self, level_db: float) -> None:
        """Take a window of the caller's speech, dBFS."""
        self._levels.add(round(level_db))
        self._known += 1

    def near(self, level_db: float) -> bool:
        """Return whether speech of `level_db`, dBFS, is as loud as the caller's own; True while that is not known."""
        if self._known < _LEAST or not self._below_db:
            return True
        return level_db >= self._levels.quantile(_SHARE) - self._below_db
