"""Keeps the workers of a server at work: starts them, starts anew what dies, replaces them one by one, ends them."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from bridge.backoff import Backoff
from bridge.cluster.workers.started import StartedWorker, StartFailed, SupervisedProcess, cause_of
from bridge.containment import cancelled

log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 0.5
_STEADY_S: Final = 60.0
_LOOK_S: Final = 5.0
_HUNG_S: Final = 30.0
"""A worker whose event loop stands still for so long is of no use to its callers either."""
_SLACK_S: Final = 0.2
"""For a worker that ends itself at the last moment to say so."""
_FIRST: Final = 1


class Supervisor:
    """One server's."""

    def __init__(
        self,
        launch: Callable[[int, int], Awaitable[SupervisedProcess]],
        *,
        workers: int,
        rows: int,
        free_row: Callable[[int, int], None] = lambda row, pid: None,
        first_has_ports: Callable[[], bool] = lambda: False,
        renew: Callable[[], None] = lambda: None,
        clock_s: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`launch` starts the worker of a number, from 1 to `workers`, with a row of its own, below `rows`; `free_row`
        is called with row and process id once it has ended.

        `first_has_ports` returns whether the first worker has ports that no second process can have at the same time.
        `renew` has the settings read again, for workers that are started after it; it raises ValueError where they
        cannot be used.
        """
        self._launch, self._workers, self._free_row = launch, workers, free_row
        self._first_has_ports, self._renew = first_has_ports, renew
        self._clock_s, self._pause = clock_s, pause
        self._rows = [*range(rows)]
        self._members: list[StartedWorker] = []
        self._backoffs = {number: Backoff(_FIRST_PAUSE_S, steady_s=_STEADY_S) for number in self._numbers}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rolling = asyncio.Lock()
        self._ending = asyncio.Event()
        self.exit_code = 0

    @property
    def _numbers(self) -> range:
        return range(1, self._workers + 1)

    # ------------------------------------------------------------ from start to end

    async def start(self) -> str:
        """Start all: the first alone, as what it makes on disk is there for the others then; return its banner.

        Raises:
            StartFailed: one did not start; the others were ended.
        """
        started = [await self._start(_FIRST)]
        if self._code(started) is None:
            started = await asyncio.gather(*(self._start(number) for number in self._numbers[1:]))
        if (code := self._code(started)) is not None:
            await self._abandon()
            raise StartFailed(code)
        self._run(self._look_after())
        return next((member.process.banner for member in self._members if member.number == _FIRST), "")

    @staticmethod
    def _code(started: Sequence["int | StartedWorker"]) -> int | None:
        return next((each for each in started if isinstance(each, int)), None)

    async def until_over(self) -> None:
        """Return when all have ended, after a signal or because another server has the port."""
        await self._ending.wait()
        while self._members:
            await self._members[0].over.wait()
        await cancelled(*self._tasks)

    async def _abandon(self) -> None:
        self._ending.set()
        self.pass_on(signal.SIGINT)
        await self.until_over()

    # ------------------------------------------------------------ signals

    def end(self, number: signal.Signals, *, within_s: float) -> None:
        """Take SIGTERM or SIGINT: each worker does what it does when it is alone, and is gone `within_s`."""
        self._ending.set()
        self.pass_on(number)
        asyncio.get_running_loop().call_later(within_s + _SLACK_S, self.pass_on, signal.SIGKILL)

    def pass_on(self, number: signal.Signals) -> None:
        """Send all workers a signal."""
        for member in self._members:
            member.process.signal(number)

    def give_way(self) -> None:
        """Have all workers leave the port to another server, and end once their calls have; no others are started."""
        self._ending.set()
        for member in self._members:
            member.leaving = True
            if member.serves:
                member.process.give_way()
            else:
                member.process.signal(signal.SIGTERM)
        self._tell_all()

    def reread(self) -> None:
        """Send all SIGHUP, those that do not serve yet once they do."""
        for member in self._members:
            if member.serves:
                member.process.signal(signal.SIGHUP)
            member.outdated = not member.serves

    def replace_all(self) -> None:
        """Begin to replace all workers, one after the other; asked for again meanwhile, that begins anew after it."""
        self._run(self._replace_all())

    # ------------------------------------------------------------ one worker

    async def _start(self, number: int, place: Callable[[], Awaitable[None]] | None = None) -> "int | StartedWorker":
        """Start a worker and wait until it serves; return it, or the exit code with which it failed to.

        `place` is awaited once it has loaded all: its ports are free after it.
        """
        if not self._rows:
            log.error("worker %d cannot be started: too many still end their calls", number)
            return 1
        row = self._rows.pop(0)
        try:
            process = await self._launch(number, row)
        except OSError as error:
            self._rows.append(row)
            log.error("worker %d cannot be started: %s", number, error)
            return 1
        member = StartedWorker(number, row, process)
        self._members.append(member)
        self._run(self._watch(member))
        if self._ending.is_set():
            process.signal(signal.SIGTERM)
        if await process.warm():
            if place:
                await place()
            process.serve()
        if not await process.ready():
            await member.over.wait()
            return await process.ended() or 1
        member.serves = True
        if member.outdated:
            process.signal(signal.SIGHUP)
        self._backoffs[number].ready(self._clock_s())
        self._tell_all()
        return member

    async def _watch(self, member: StartedWorker) -> None:
        """Wait for the end of a worker, and put another in its place where that was not meant."""
        code = await member.process.ended()
        self._members.remove(member)
        self._rows.append(member.row)  # the last to be used again
        self._free_row(member.row, member.process.pid)
        meant = self._ending.is_set() or member.leaving
        self.exit_code = max(self.exit_code, 1 if meant and member.serves and code else 0)
        member.over.set()
        self._tell_all()
        if member.serves and not meant:
            log.error("worker %d, process %d, has ended: %s", member.number, member.process.pid, cause_of(code))
            if not member.replaced:
                await self._start_anew(member.number)

    async def _start_anew(self, number: int) -> None:
        """Start a worker, again and again until it serves."""
        while not self._ending.is_set():
            await self._pause(self._backoffs[number].failed(self._clock_s()))
            if self._ending.is_set():
                return
            started = await self._start(number)
            if isinstance(started, StartedWorker):
                log.info("worker %d serves again, as process %d", number, started.process.pid)
                return
            log.error("worker %d does not start: %s", number, cause_of(started))

    def _tell_all(self) -> None:
        told = [
            {"row": member.row, "number": member.number, "leaving": int(member.leaving)}
            for member in self._members
            if member.serves
        ]
        for member in self._members:
            member.process.tell_siblings(told)

    async def _look_after(self) -> None:
        """Kill workers that stand still, so that others come."""
        while not self._ending.is_set():
            before_s = self._clock_s()
            await self._pause(_LOOK_S)
            if self._clock_s() - before_s > 2 * _LOOK_S:  # we stood still ourselves, and have not read what they said
                continue
            for member in self._members:
                if member.serves and self._clock_s() - member.process.heard_s > _HUNG_S and not self._ending.is_set():
                    log.error("worker %d has stood still for %g s and is killed", member.number, _HUNG_S)
                    member.process.signal(signal.SIGKILL)

    # ------------------------------------------------------------ one after the other

    async def _replace_all(self) -> None:
        async with self._rolling:
            has_ports = self._first_has_ports()
            try:
                self._renew()
            except ValueError as error:
                log.error("no worker is replaced: %s", error)
                return
            log.info("the workers are replaced, one after the other")
            for number in self._numbers:
                if not await self._replace(number, ends_first=number == _FIRST and has_ports):
                    log.error("worker %d could not be replaced; it goes on, and so do those behind it", number)
                    return
            log.info("all workers are replaced")

    async def _replace(self, number: int, *, ends_first: bool) -> bool:
        """Put another worker in the place of one; return whether one serves in its place, or will."""
        old = next((each for each in self._members if each.number == number and not each.leaving), None)
        if old is None or not old.serves:
            return not self._ending.is_set()  # it is being started anew, with what was read again

        async def end_old() -> None:
            old.leaving = True
            self._tell_all()
            log.info("worker %d has ports that only one process can have: the next one stands by until it ends", number)
            old.process.signal(signal.SIGTERM)
            await old.over.wait()

        old.replaced = True
        started = await self._start(number, end_old if ends_first else None)
        if not isinstance(started, StartedWorker):
            old.replaced = False
            if old.over.is_set():  # nobody is in its place
                self._run(self._start_anew(number))
            return old.over.is_set() and not self._ending.is_set()
        if not ends_first:
            old.leaving = True
            self._tell_all()
            old.process.give_way()
        return True

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
