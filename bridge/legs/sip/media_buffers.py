"""The two directions of one call between the stack's buffers and the bridge. Pure: time and fill are arguments."""

from collections import deque
from typing import Final

FRAME_MS: Final = 20
LEAD_MS: Final = 60
"""Audio kept in the stack's buffer while the bot speaks: what a stall of this process may last unheard."""
HOLE_MS: Final = 60
"""What the caller's audio may lag behind the clock before silence stands for it: three packets."""
_BYTES: Final = 2  # of a sample


class Outlet:
    """What the bot has said and nobody heard yet, and the marks in it."""

    def __init__(self, rate: int) -> None:
        self.frame = rate * FRAME_MS // 1000 * _BYTES
        """Bytes of 20 ms."""
        self.late = 0
        """Times the stack ran dry while there was something to say: the caller heard a gap."""
        self._lead = self.frame * LEAD_MS // FRAME_MS
        self._audio = bytearray()
        self._taken = 0  # bytes of it that went to the stack, ever
        self._marks: deque[tuple[int, str]] = deque()  # the bytes before it, ever
        self._flowing = False  # the stack was left with audio that more follows

    def __bool__(self) -> bool:
        return bool(self._audio or self._marks)

    def play(self, payload: bytes) -> None:
        self._audio += payload

    def mark(self, name: str) -> None:
        self._marks.append((self._taken + len(self._audio), name))

    def clear(self) -> list[str]:
        """Drop it all; return the marks that are due with it."""
        self._audio.clear()
        self._flowing = False
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def next(self, buffered: int) -> bytes:
        """Return what the stack is to get now that it holds `buffered` bytes; whole frames."""
        self.late += self._flowing and not buffered
        room = max(0, self._lead - buffered) // self.frame * self.frame
        chunk = bytes(self._audio[:room])
        if len(chunk) % self.frame and buffered + len(chunk) > self.frame:
            chunk = chunk[: len(chunk) // self.frame * self.frame]  # more may follow in time
        del self._audio[: len(chunk)]
        self._taken += len(chunk)
        self._flowing = len(self._audio) >= self.frame
        return chunk + bytes(-len(chunk) % self.frame)

    def played(self, buffered: int) -> list[str]:
        """Return the marks that the caller has heard now that the stack holds `buffered` bytes."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= self._taken - buffered:
            names.append(self._marks.popleft()[1])
        return names


class Inlet:
    """The caller's audio against the clock: what lags too far behind is stood for by silence, and counted.

    Late audio is not thrown away: speech that comes late is still speech, and its lead covers the next hole.
    """

    _AHEAD_MS: Final = 500  # more than that is another clock

    def __init__(self, rate: int, now_ms: float) -> None:
        self.concealed_ms = 0
        self._rate, self._began_ms, self._samples = rate, now_ms, 0

    def take(self, payload: bytes, now_ms: float) -> tuple[bytes, int]:
        """Return the audio that came by now and, after it, samples of silence for what did not."""
        self._samples += len(payload) // _BYTES
        owed_ms = now_ms - self._began_ms - self._samples * 1000 / self._rate
        if owed_ms < -self._AHEAD_MS:
            self._began_ms += owed_ms + self._AHEAD_MS
        if owed_ms < HOLE_MS:
            return payload, 0
        missing_ms = int(owed_ms) // FRAME_MS * FRAME_MS
        missing = missing_ms * self._rate // 1000
        self._samples += missing
        self.concealed_ms += missing_ms
        return payload, missing


class Bucket:
    """How many calls a second may come in; a burst of one second's worth is let through."""

    def __init__(self, per_second: float) -> None:
        self._rate = per_second
        self._level, self._at_s = max(1.0, per_second), 0.0

    def take(self, now_s: float) -> bool:
        """Return whether one more may come in now."""
        self._level = min(max(1.0, self._rate), self._level + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._level < 1:
            return False
        self._level -= 1
        return True
