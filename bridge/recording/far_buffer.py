"""The bot's audio as the far side plays it: what was sent, when it is heard, and what a clear took away. Pure.

Times are milliseconds of any one clock that never goes back.
"""

from collections import deque
from dataclasses import dataclass

from telephony.events import AudioFormat


@dataclass(slots=True)
class Piece:
    """Audio that was sent at once."""

    payload: bytes
    begins_ms: float
    """When its first sample is heard."""
    samples: int
    """Of `payload`, from the first on, that are heard."""
    taken: int = 0
    """Samples that are in the recording, or were left out of it."""

    @property
    def over(self) -> bool:
        return self.taken >= self.samples


class FarBuffer:
    """The far side's buffer, as seen from here."""

    def __init__(self, audio: AudioFormat) -> None:
        self._sample_bytes, self._rate = audio.encoding.sample_bytes, audio.sample_rate
        self.pieces: deque[Piece] = deque()
        """In the order in which they are heard. Who has taken one removes it."""
        self._dry_ms = 0.0  # when all that was sent is heard
        self._marks: dict[str, float] = {}  # when each is due

    def play(self, payload: bytes, now_ms: float) -> None:
        """`payload`, whole samples, has left."""
        begins_ms = max(self._dry_ms, now_ms)
        samples = len(payload) // self._sample_bytes
        self._dry_ms = begins_ms + samples * 1000 / self._rate
        self.pieces.append(Piece(payload, begins_ms, samples))

    def mark(self, name: str) -> None:
        """A mark has left behind all that was sent."""
        self._marks[name] = self._dry_ms

    def played(self, name: str, now_ms: float) -> None:
        """A mark came back. What is behind it moves to where the far side, whose clock is the true one, has it."""
        due_ms = self._marks.pop(name, None)
        if due_ms is None:
            return
        shift_ms = now_ms - due_ms
        for piece in self.pieces:
            if piece.begins_ms >= due_ms and not piece.taken:
                piece.begins_ms += shift_ms
        self._marks = {mark: at_ms + shift_ms for mark, at_ms in self._marks.items()}
        self._dry_ms = max(now_ms, self._dry_ms + shift_ms)

    def clear(self, now_ms: float) -> None:
        """The far side drops what it has not played."""
        for piece in self.pieces:
            piece.samples = min(piece.samples, max(0, round((now_ms - piece.begins_ms) * self._rate / 1000)))
        self._marks.clear()
        self._dry_ms = now_ms
