"""What waits to be heard by one call: filled by its leg, emptied by the call, and bounded."""

import asyncio
from typing import Generic, TypeVar

from bridge.leg import LegLost

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of `limit` items. Errors wait in it too, behind what came before them, and are raised by `get`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: asyncio.Queue[T | Exception] = asyncio.Queue()
        self._room = asyncio.Event()
        self._overrun = False

    def put(self, *items: T) -> None:
        """Add `items`, for a wire that cannot be slowed down: one too many ends the call with LegLost."""
        for item in items:
            if self._items.qsize() < self._limit:
                self._items.put_nowait(item)
            elif not self._overrun:
                self._overrun = True
                self._items.put_nowait(LegLost("the bridge did not keep up with the call's audio"))

    async def put_in_turn(self, item: T) -> None:
        """Add `item` once there is room, for a wire that is slowed down by not being read. One task may wait."""
        while self._items.qsize() >= self._limit:
            self._room.clear()
            await self._room.wait()
        self._items.put_nowait(item)

    def put_always(self, item: T | Exception) -> None:
        """Add `item` beyond the limit: what must not be lost, and is rare."""
        self._items.put_nowait(item)

    async def get(self) -> T:
        """Return the oldest item, once there is one.

        Raises:
            Exception: the item is an error.
        """
        item = await self._items.get()
        self._room.set()
        if isinstance(item, Exception):
            raise item
        return item
