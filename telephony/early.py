"""What a peer says before the start of its call: kept for it, and bounded."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from telephony.events import CallStarted, Event, Media

T = TypeVar("T")


class Early(Generic[T]):
    """Keeps the newest of what came too early."""

    def __init__(self, *, at_most: int) -> None:
        """`at_most`: the bytes or characters of all that is kept."""
        self._at_most = at_most
        self._kept: deque[tuple[T, int]] = deque()
        self._size = 0

    def keep(self, item: T, *, size: int) -> None:
        """Keep `item`, of `size` bytes or characters; the oldest ones make room for it."""
        self._kept.append((item, size))
        self._size += size
        while self._size > self._at_most:
            self._size -= self._kept.popleft()[1]

    def take(self) -> list[T]:
        """Return what was kept, the oldest first, and keep it no longer."""
        items = [item for item, _ in self._kept]
        self._kept.clear()
        self._size = 0
        return items

    def __len__(self) -> int:
        """What is kept, in pieces."""
        return len(self._kept)


def with_early(started: CallStarted, early: Sequence[Event]) -> CallStarted:
    """Return `started`, which tells now how much audio there is in `early`, the events that follow it at once."""
    audio = [event.payload for event in early if isinstance(event, Media)]
    return replace(started, early_ms=sum(started.format.duration_ms(payload) for payload in audio))
