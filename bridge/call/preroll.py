"""The caller's audio just before speech was certain, so that no utterance loses its first consonant."""

from collections import deque
from typing import Final

import numpy as np

from bridge.speech.api import Samples
from bridge.speech.ear import ScoredWindow

PREROLL_MS: Final = 300
"""Kept before the onset: Silero needs a window or two to believe in a soft one."""


class PreRoll:
    """The newest windows of one call; hands each out once."""

    def __init__(self, keep_ms: int) -> None:
        """`keep_ms`: the longest time from onset to `take`; PREROLL_MS more are kept."""
        self._keep_ms = keep_ms + PREROLL_MS
        self._windows: deque[ScoredWindow] = deque()

    def add(self, heard: ScoredWindow) -> None:
        self._windows.append(heard)
        while heard.to_ms - self._windows[0].from_ms > self._keep_ms:
            self._windows.popleft()

    def take(self, onset_ms: int) -> Samples:
        """Return what was heard since PREROLL_MS before `onset_ms` and not handed out yet."""
        taken = [heard.samples for heard in self._windows if heard.to_ms > onset_ms - PREROLL_MS]
        self._windows.clear()
        return np.concatenate(taken) if taken else np.empty(0, np.float32)
