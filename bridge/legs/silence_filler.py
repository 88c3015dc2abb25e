"""The time line of a peer that sends nothing while it has nothing to play. Pure: time is an argument.

Asterisk is such a peer: a channel that waits makes no frames. For the ear silence is audio too: turns end in it, and a
caller who says nothing is asked. So where audio stays away, silence of our own clock stands for it.
"""

from typing import Final

from telephony.events import AudioFormat, Media
from telephony.media_time import ClockedMediaTime

LATE_MS: Final = 100
"""After so long without audio, silence stands for it. Audio that the network held back for longer comes behind that
silence, and no more silence is made until our clock has caught up."""
STEP_MS: Final = 20
"""The length of a piece of silence: a packet, as a carrier would send it."""


class SilenceFiller:
    """Fills the gaps in one call's audio. The call's media time is that of `place` and `due`, not that of the wire."""

    def __init__(self, audio: AudioFormat, now_ms: float) -> None:
        """`now_ms`: when the call began, by any clock that never goes back, as in `place` and `due`."""
        self._time = ClockedMediaTime(audio, now_ms)
        self._silent = False

    @property
    def next_ms(self) -> float:
        """When `due` has to be asked next, should no audio come."""
        return self._time.due_ms + (STEP_MS if self._silent else LATE_MS)

    def place(self, payload: bytes, now_ms: float) -> Media:
        """Return audio that came, behind what there is.

        What was lost before it is forgotten: packets that are missing here and there would add up, and their silence
        would fall into some later word.
        """
        self._silent = False
        media = self._time.place(payload)
        self._time.forget_behind(now_ms)
        return media

    def due(self, now_ms: float) -> Media | None:
        """Return the silence that stands for audio that has not come; None where it may still come."""
        if now_ms < self.next_ms:
            return None
        self._silent = True
        missing_ms = int(self._time.behind_ms(now_ms)) // STEP_MS * STEP_MS
        return self._time.fill(missing_ms * self._time.audio.sample_rate // 1000)
