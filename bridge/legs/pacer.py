"""The buffer of wires that have none: bot audio cut into 20 ms frames on absolute deadlines. Pure: time is an argument.

The far side gets what it plays now and LEAD_FRAMES more, so that a short stall of our loop is not heard. All the rest
waits here, where it can be cleared, and where it is known which of it has been played.
"""

from collections import deque
from typing import Final

from bridge.legs.marked_audio import MarkedAudio
from telephony.codec import silence
from telephony.events import AudioFormat

FRAME_MS: Final = 20
LEAD_FRAMES: Final = 2
_FAR_BEHIND_FRAMES: Final = 10
"""After a longer stall the clock begins anew: the far side would take a burst for a queue that is too long."""


class Pacer:
    """One direction of one call. Silence is sent where there is nothing to say: some peers drop a quiet line."""

    def __init__(self, audio: AudioFormat, now_ms: float) -> None:
        """`now_ms`: any clock that never goes back, as in `due`."""
        self._frame_bytes = audio.bytes_in(FRAME_MS)
        self._silence = silence(audio.encoding, self._frame_bytes // audio.encoding.sample_bytes)
        self._audio = MarkedAudio()
        self._left_marks: deque[tuple[float, str]] = deque()  # their audio has left, and is heard at that time
        self._next_ms = now_ms - LEAD_FRAMES * FRAME_MS  # when the next frame has to leave

    @property
    def next_ms(self) -> float:
        """When `due` has to be called next."""
        return self._next_ms

    def play(self, payload: bytes) -> None:
        """Add audio."""
        self._audio.play(payload)

    def mark(self, name: str) -> None:
        """Put a mark behind all audio so far."""
        self._audio.mark(name)

    def clear(self) -> list[str]:
        """Forget what has not left; return the marks that were not heard."""
        names = [name for _, name in self._left_marks] + self._audio.clear()
        self._left_marks.clear()
        return names

    def due(self, now_ms: float) -> tuple[list[bytes], list[str]]:
        """Return the frames that have to leave by now, and the marks whose audio has been played."""
        if now_ms - self._next_ms >= (_FAR_BEHIND_FRAMES + 1) * FRAME_MS:
            self._next_ms = now_ms - LEAD_FRAMES * FRAME_MS
        frames = []
        while self._next_ms <= now_ms:
            frames.append(self._frame())
        names = []
        while self._left_marks and self._left_marks[0][0] <= now_ms:
            names.append(self._left_marks.popleft()[1])
        return frames, names

    def _frame(self) -> bytes:
        payload = self._audio.take(self._frame_bytes)
        self._next_ms += FRAME_MS
        heard_ms = self._next_ms + LEAD_FRAMES * FRAME_MS
        self._left_marks.extend((heard_ms, name) for name in self._audio.reached())
        return payload + self._silence[len(payload) :]
