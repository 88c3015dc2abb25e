"""Numbered packets of a stream (RTP) into their order, each once. Pure: time is an argument.

One that is missing is waited for while those behind it wait too, and no longer than a deadline.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

MOST_WAITING: Final = 50
"""Packets that may wait for a missing one: a second of them."""
JUMP: Final = 1000
"""A number so far from the one expected begins the stream anew: its sender has."""

Item = TypeVar("Item")


class Reorder(Generic[Item]):
    """What came of one stream, in its order."""

    def __init__(self, deadline_ms: float) -> None:
        """`deadline_ms`: what a packet that others have overtaken may be late."""
        self.late = 0
        """Packets that came when they were waited for no more."""
        self._deadline_ms = deadline_ms
        self._stream: int | None = None  # the sender's SSRC, from the first packet on
        self._next = 0  # the number expected, counted on beyond 65535
        self._waiting: dict[int, tuple[Item, float]] = {}  # by number: what came, and when

    def put(self, stream: int, number: int, item: Item, now_ms: float) -> Sequence[Item]:
        """Take what came; return what nobody will get: it came late or twice, or waited in a stream that is over.

        `stream`: its SSRC; `number`: its sequence number, 0 to 65535. `now_ms`: by any clock that never goes back.
        """
        over: Sequence[Item] = ()
        if stream != self._stream or abs(self._ahead(number)) > JUMP:
            over = self.clear()
            self._stream, self._next = stream, number
        ahead = self._ahead(number)
        if ahead < 0:
            self.late += 1
            return (item,)
        if self._next + ahead in self._waiting:
            return (item,)
        self._waiting[self._next + ahead] = item, now_ms
        return over

    def expects(self, stream: int, number: int) -> bool:
        """Tell whether a packet goes on with what there is, early or not."""
        return stream == self._stream and 0 <= self._ahead(number) <= JUMP

    def take(self, now_ms: float) -> Iterator[tuple[Item, int]]:
        """Yield what is there by now, each with the number of packets before it that are missing for good."""
        while self._waiting:
            missing = 0
            if self._next not in self._waiting:
                if not self._gives_up(now_ms):
                    return
                missing = min(self._waiting) - self._next
                self._next += missing
            item, _ = self._waiting.pop(self._next)
            self._next += 1
            yield item, missing

    def clear(self) -> Sequence[Item]:
        """Return what waited, and wait with it no more."""
        waited = [item for item, _ in self._waiting.values()]
        self._waiting.clear()
        return waited

    def _gives_up(self, now_ms: float) -> bool:
        oldest_ms = min(at_ms for _, at_ms in self._waiting.values())
        return now_ms - oldest_ms >= self._deadline_ms or len(self._waiting) > MOST_WAITING

    def _ahead(self, number: int) -> int:
        return ((number - self._next + 0x8000) & 0xFFFF) - 0x8000
