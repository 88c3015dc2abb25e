"""Takes the entries of all calls, and sees that each reaches the database, once and in order.

    put -> memory -> spool on disk -> database

Nobody waits for it. What is on disk outlives this process; what waits in memory is a tenth of a second. A database that
is down costs a backlog, bounded and told; a disk that is full costs what memory cannot hold, counted and told.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Final, Self, TypeVar

from bridge.backoff import Backoff
from bridge.containment import begun, cancelled
from bridge.records.entries import Entry, amend
from bridge.records.shelf import DatabaseFailed, Shelf
from bridge.records.spool import Spool
from bridge.timeouts import wait_at_most

log = logging.getLogger(__name__)

Result = TypeVar("Result")

_EVERY_S: Final = 0.1
"""Entries are written together: a write a tenth of a second, however many calls there are."""
_MOST_WAITING: Final = 10_000
_BATCH: Final = 500
_DISK_RETRY_S: Final = 1.0
_DATABASE_RETRY_S: Final = 0.5
_STEADY_S: Final = 60.0
_INHERIT_EVERY_S: Final = 60.0
"""Another process on the same folder may die at any time, and nobody start after it."""


class Keeper:
    """One server's. Use it as a context manager; what the database does not have at the end stays on disk."""

    def __init__(
        self,
        shelf: Shelf,
        root: Path,
        *,
        most_bytes: int,
        on_backlog: Callable[[int], None] = lambda size: None,
        on_lost: Callable[[int], None] = lambda count: None,
        on_written: Callable[[], None] = lambda: None,
        every_s: float = _EVERY_S,
        inherit_every_s: float = _INHERIT_EVERY_S,
        end_s: float = 5.0,
    ) -> None:
        """`root`: the folder of the spools of all processes; each may hold `most_bytes`.

        `on_backlog` is told the bytes on disk, `on_lost` how many entries were dropped; `on_written` that the database
        got some. `end_s`: the database has so long at the end.
        """
        self._shelf, self._root, self._most_bytes = shelf, root, most_bytes
        self._on_backlog, self._on_lost, self._on_written = on_backlog, on_lost, on_written
        self._every_s, self._inherit_every_s, self._end_s = every_s, inherit_every_s, end_s
        self._waiting: deque[Entry] = deque()
        self._lost = 0
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="records")
        self._spool: Spool | None = None
        self._work, self._more = asyncio.Event(), asyncio.Event()  # something waits in memory, on disk
        self._no_more, self._end = asyncio.Event(), asyncio.Event()  # the last was put, was written to disk
        self._tasks: list[asyncio.Task[None]] = []

    def put(self, entry: Entry) -> None:
        """Keep `entry`. Never blocks and never raises."""
        if len(self._waiting) >= _MOST_WAITING and not entry.amends:
            self._lose(1)
            return
        amend(self._waiting, entry)
        self._waiting.append(entry)
        self._work.set()

    @property
    def waiting(self) -> int:
        """Entries in memory, which are not on disk yet."""
        return len(self._waiting)

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            OSError: the folder cannot be written to.
        """
        self._spool = await self._on_disk(lambda: Spool.open(self._root, most_bytes=self._most_bytes))
        self._tasks = [begun(self._write_down(), "the keeping of calls"), begun(self._ship(), "the shipping of calls")]
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task, over in zip(self._tasks, (self._no_more, self._end), strict=True):
            over.set()
            self._work.set()
            self._more.set()
            await asyncio.wait({task}, timeout=self._end_s)
            await cancelled(task)
        if self._spool:
            if size := self._spool.size:
                log.warning("%d bytes of call records wait on disk for the next start: no database takes them", size)
            await self._on_disk(self._spool.close)
        self._disk.shutdown(wait=False)

    # ------------------------------------------------------------ memory -> disk

    async def _write_down(self) -> None:
        """Move what waits in memory to the disk, until the end."""
        failing = False
        while self._waiting or not self._no_more.is_set():
            await self._work.wait()
            self._work.clear()
            try:
                await self._write_some()
            except OSError as error:
                if not failing:
                    log.error("call records cannot be written to disk, and wait in memory: %s", error)
                failing = True
                if self._no_more.is_set():
                    self._lose(len(self._waiting))
                    return
                await wait_at_most(self._no_more, _DISK_RETRY_S)
                self._work.set()
                continue
            if failing:
                log.warning("call records can be written to disk again")
            failing = False
            await wait_at_most(self._no_more, self._every_s)

    async def _write_some(self) -> None:
        batch = list(self._waiting)
        if batch and (spool := self._spool):
            await self._on_disk(lambda: spool.append(batch))
            for _ in batch:
                self._waiting.popleft()
            self._more.set()

    def _lose(self, count: int) -> None:
        if not self._lost:
            log.error("call records are lost: the disk does not take them, and memory holds no more")
        self._lost += count
        self._on_lost(count)

    # ------------------------------------------------------------ disk -> database

    async def _ship(self) -> None:
        """Move what is on disk to the database, until the end; now and then what processes that died left behind."""
        backoff, clock = Backoff(_DATABASE_RETRY_S, steady_s=_STEADY_S), asyncio.get_running_loop().time
        failing, inherited_s = False, -inf
        while True:
            last = self._end.is_set()
            self._more.clear()
            try:
                if clock() - inherited_s >= self._inherit_every_s:
                    await self._inherit()
                    inherited_s = clock()
                while self._spool and await self._ship_some(self._spool):
                    backoff.ready(clock())
            except Exception as error:  # a fault of ours, too: what waits here is tried again, and is not lost for it
                if not failing:
                    ours = not isinstance(error, DatabaseFailed | OSError)
                    log.error("the database takes no call records, which wait on disk: %s", error, exc_info=ours)
                failing = True
                if not last:
                    await wait_at_most(self._end, backoff.failed(clock()))
                    continue
            else:
                if failing:
                    log.warning("the database takes call records again")
                failing = False
            if last:
                return
            await wait_at_most(self._more, self._inherit_every_s)

    async def _inherit(self) -> None:
        left = await self._on_disk(lambda: list(Spool.left_behind(self._root, most_bytes=self._most_bytes)))
        try:
            for spool in left:
                if spool.size:
                    log.info("call records of a server that ended are written now: %d bytes", spool.size)
                while await self._ship_some(spool):
                    pass
                if spool.calls:
                    await self._shelf.end(spool.calls)
                    await self._on_disk(spool.forget_calls)
                    self._on_written()
        finally:
            for spool in left:
                await self._on_disk(spool.close)

    async def _ship_some(self, spool: Spool) -> bool:
        entries, end = await self._on_disk(lambda: spool.oldest(_BATCH))
        if entries:
            await self._shelf.write(entries)
            await self._on_disk(lambda: spool.forget(end))
            self._on_written()
        self._on_backlog(spool.size)
        return bool(entries)

    async def _on_disk(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)
