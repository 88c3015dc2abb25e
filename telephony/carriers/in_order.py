"""Numbered packets that may overtake each other on their way: given back in order, after a short wait."""

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class InOrder(Generic[T]):
    """Waits for a number that is missing until `window` later packets are there; then it is lost."""

    def __init__(self, window: int) -> None:
        """`window`: packets that are held back at most; 0 is none."""
        self._window = window
        self._held: dict[int, T] = {}
        self._next: int | None = None  # the number that is due

    def take(self, number: int | None, item: T) -> Sequence[tuple[int | None, T]]:
        """Return what may be heard now, with its number. What has none, or comes too late, is returned as it comes."""
        if number is None or not self._window:
            return [(number, item)]
        if self._next is None or number == self._next:
            self._next = number + 1
            return [(number, item), *self._due()]
        if number < self._next:
            return [(number, item)]
        self._held[number] = item
        if len(self._held) <= self._window:
            return ()
        self._next = min(self._held)
        return self._due()

    def rest(self) -> Sequence[tuple[int | None, T]]:
        """Return what is held back, in order: nothing more comes."""
        rest = sorted(self._held.items())
        self._held.clear()
        return rest

    def _due(self) -> list[tuple[int | None, T]]:
        due: list[tuple[int | None, T]] = []
        while self._next in self._held:
            assert self._next is not None
            due.append((self._next, self._held.pop(self._next)))
            self._next += 1
        return due
