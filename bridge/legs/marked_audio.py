"""Bot audio that waits on our side, and the marks in it. Pure."""

from collections import deque


class MarkedAudio:
    """A queue of bytes. A mark lies behind the audio that was put in before it."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._left = 0  # bytes that were taken out, ever
        self._marks: deque[tuple[int, str]] = deque()  # the bytes before it, ever

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._waiting)

    def play(self, payload: bytes) -> None:
        """Add audio."""
        self._waiting += payload

    def mark(self, name: str) -> None:
        """Put a mark behind all audio so far."""
        self._marks.append((self._left + len(self._waiting), name))

    def take(self, size: int) -> bytes:
        """Take out the oldest `size` bytes, fewer where there are fewer."""
        payload = bytes(self._waiting[:size])
        del self._waiting[:size]
        self._left += len(payload)
        return payload

    def reached(self, *, unheard: int = 0) -> list[str]:
        """Take out the marks whose audio has left, but for the `unheard` bytes that left last."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._left - unheard:
            names.append(self._marks.popleft()[1])
        return names

    def clear(self) -> list[str]:
        """Drop all audio; return the marks that waited."""
        names = [name for _, name in self._marks]
        self._waiting.clear()
        self._marks.clear()
        return names

    @property
    def marked(self) -> bool:
        """True while marks wait."""
        return bool(self._marks)
