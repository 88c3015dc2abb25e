"""The carrier's playout buffer, from which the caller hears the bot, and the gaps in it. Pure: no clock."""

from collections import deque
from typing import Final

FRAME_MS: Final = 20
FRAME_BYTES: Final = 160
"""Bytes of a frame: mu-law at 8 kHz."""
STUTTER_MS: Final = 1500
"""A shorter pause in the bot's audio is a gap; a longer one is the end of what it said."""
_VOICED: Final = 0x68
"""A mu-law byte whose low seven bits are below this is louder than about -42 dBFS."""


class CarrierBuffer:
    """The carrier's playout buffer. Call `tick` every 20 ms."""

    def __init__(self) -> None:
        self._queue: deque[bytes | str] = deque()  # audio and, between it, names of marks

    def play(self, payload: bytes) -> None:
        """Queue audio, mu-law at 8 kHz."""
        self._queue.append(payload)

    def mark(self, name: str) -> None:
        """Queue a mark: it comes back once all audio before it was heard."""
        self._queue.append(name)

    def clear(self) -> list[str]:
        """Drop all audio; return the marks in it, which come back now."""
        marks = [item for item in self._queue if isinstance(item, str)]
        self._queue.clear()
        return marks

    def tick(self) -> tuple[bytes, list[str]]:
        """Return the next frame heard, and the marks reached. The frame is short or empty when the buffer runs dry."""
        frame, marks = b"", []
        while self._queue:
            item = self._queue[0]
            if isinstance(item, str):
                marks.append(item)
                self._queue.popleft()
            elif len(frame) < FRAME_BYTES:
                take = FRAME_BYTES - len(frame)
                frame += item[:take]
                self._queue.popleft()
                if item[take:]:
                    self._queue.appendleft(item[take:])
            else:
                break
        return frame, marks

    @property
    def buffered_ms(self) -> int:
        """Milliseconds of audio in the buffer."""
        return sum(len(item) for item in self._queue if isinstance(item, bytes)) // 8


class GapWatch:
    """Finds gaps: audio that ran dry and went on within STUTTER_MS, without a clear between.

    Audio that ends at a mark ends where the server meant it to: that is a pause between sentences, not a gap.
    """

    def __init__(self) -> None:
        self._playing = False  # the newest frame was whole
        self._at_mark = False  # the newest frame was the last before a mark
        self._dry_ms: float | None = None  # when the buffer ran dry

    def hear(self, frame: bytes, *, at_mark: bool, now_ms: float) -> float | None:
        """Take the next frame that the caller hears; return the length of the gap that it ends, if any."""
        gap_ms = now_ms - self._dry_ms if frame and self._dry_ms is not None else None
        if frame:
            self._dry_ms = None
        if self._playing and len(frame) < FRAME_BYTES:
            self._dry_ms = None if at_mark or self._at_mark else now_ms
        self._at_mark = at_mark
        self._playing = len(frame) == FRAME_BYTES
        return gap_ms if gap_ms is not None and gap_ms < STUTTER_MS else None

    def cleared(self) -> None:
        """Note a clear: the server cut the audio off, so what runs dry now is no gap."""
        self._playing, self._dry_ms = False, None


def is_voiced(frame: bytes) -> bool:
    """Return whether a mu-law frame can be heard: more than an eighth of a whole frame is above -42 dBFS."""
    return sum(byte & 0x7F < _VOICED for byte in frame) > FRAME_BYTES // 8
