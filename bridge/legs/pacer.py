"""The buffer of wires that have none: bot audio cut into 20 ms frames on absolute deadlines. Pure: time is an argument.

The far side gets what it plays now and LEAD_FRAMES more, so that a short stall of our loop is not heard. All the rest
waits here, where it can be cleared, and where it is known which of it has been played.
"""

from collections import deque
from typing import Final

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
        self.late = 0
        """Frames that left so late that the far side had run dry."""
        self._frame_bytes = audio.sample_rate * FRAME_MS // 1000 * audio.encoding.sample_bytes
        self._silence = silence(audio.encoding, self._frame_bytes // audio.encoding.sample_bytes)
        self._waiting = bytearray()
        self._taken = 0  # bytes of bot audio that were put in, ever
        self._marks: deque[tuple[int, str]] = deque()  # behind so many bytes of it
        self._due_marks: deque[tuple[float, str]] = deque()  # heard at that time
        self._next_ms = now_ms - LEAD_FRAMES * FRAME_MS  # when the next frame has to leave

    @property
    def next_ms(self) -> float:
        """When `due` has to be called next."""
        return self._next_ms

    def play(self, payload: bytes) -> None:
        self._waiting += payload
        self._taken += len(payload)

    def mark(self, name: str) -> None:
        self._marks.append((self._taken, name))

    def clear(self) -> list[str]:
        """Forget what has not left; return the marks that waited for it."""
        names = [name for _, name in self._due_marks] + [name for _, name in self._marks]
        self._waiting.clear()
        self._marks.clear()
        self._due_marks.clear()
        return names

    def due(self, now_ms: float) -> tuple[list[bytes], list[str]]:
        """Return the frames that have to leave by now, and the marks whose audio has been played."""
        behind = int((now_ms - self._next_ms) // FRAME_MS)
        if behind > LEAD_FRAMES:
            self.late += behind - LEAD_FRAMES
        if behind > _FAR_BEHIND_FRAMES:
            self._next_ms = now_ms - LEAD_FRAMES * FRAME_MS
        frames = []
        while self._next_ms <= now_ms:
            frames.append(self._frame())
            self._next_ms += FRAME_MS
            left = self._taken - len(self._waiting)
            while self._marks and self._marks[0][0] <= left:
                heard_ms = self._next_ms + LEAD_FRAMES * FRAME_MS
                self._due_marks.append((heard_ms, self._marks.popleft()[1]))
        names = []
        while self._due_marks and self._due_marks[0][0] <= now_ms:
            names.append(self._due_marks.popleft()[1])
        return frames, names

    def _frame(self) -> bytes:
        payload = bytes(self._waiting[: self._frame_bytes])
        del self._waiting[: self._frame_bytes]
        return payload + self._silence[len(payload) :]
