"""The time line of a peer that sends nothing while it has nothing to play. Pure: time is an argument.

Asterisk is such a peer: a channel that waits makes no frames. For the ear silence is audio too: turns end in it, and a
caller who says nothing is asked. So where audio stays away, silence of our own clock stands for it.
"""

from typing import Final

from telephony.codec import silence
from telephony.events import AudioFormat, Media

LATE_MS: Final = 100
"""Audio that is later than this, counted from the last that came, is taken for none. What the network held back for
longer comes after the silence that stood for it, and no more is made until our clock has caught up."""
STEP_MS: Final = 20
"""Silence is made in pieces of so much, as a carrier would send it."""


class SilenceFiller:
    """One call's. The bridge's time line is that of `place` and `due`, not that of the wire."""

    def __init__(self, audio: AudioFormat, now_ms: float) -> None:
        """`now_ms`: when the call began, by any clock that never goes back, as in `place` and `due`."""
        self._audio, self._began_ms = audio, now_ms
        self._bytes = 0
        self._silent = False

    @property
    def next_ms(self) -> float:
        """When `due` has to be asked next, should no audio come."""
        return self._began_ms + self._end_ms + (STEP_MS if self._silent else LATE_MS)

    def place(self, payload: bytes, now_ms: float) -> Media:
        """Return audio that came, behind what there is.

        What was lost before it is forgotten: packets that are missing here and there would add up, and their silence
        would fall into some later word.
        """
        self._silent = False
        media = self._append(payload)
        self._began_ms = max(self._began_ms, now_ms - self._end_ms)
        return media

    def due(self, now_ms: float) -> Media | None:
        """Return the silence that stands for audio that has not come; None where it may still come."""
        if now_ms < self.next_ms:
            return None
        self._silent = True
        missing_ms = int(now_ms - self._began_ms - self._end_ms) // STEP_MS * STEP_MS
        return self._append(silence(self._audio.encoding, missing_ms * self._audio.sample_rate // 1000))

    @property
    def _end_ms(self) -> float:
        return self._bytes / self._audio.encoding.sample_bytes * 1000 / self._audio.sample_rate

    def _append(self, payload: bytes) -> Media:
        media = Media(payload, int(self._end_ms))
        self._bytes += len(payload)
        return media
