"""A pool of a fixed number of threads for model work, shared by all calls."""

import asyncio
import atexit
import heapq
import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, TypeVarTuple

from bot.threads import give_way
from bridge.speech.api import EngineFailed

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workers:
    """Runs blocking functions off the event loop, the urgent ones first.

    Unlike an executor it has priorities and forgets a job whose caller has gone.
    """

    def __init__(self, threads: int, *, name: str, gives_way: bool = False) -> None:
        """`gives_way`: the threads run behind those that keep a beat, for jobs that take tenths of a second."""
        if threads < 1:
            raise ValueError(f"threads is {threads}, must be 1 or more")
        self._name, self._gives_way = name, gives_way
        self._queue: list[_Job] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()
        # A daemon thread that comes out of native code while the interpreter dies aborts the process.
        atexit.register(self.close)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a thread."""
        return len(self._queue)

    async def run(
        self,
        function: Callable[[*Ts], T],
        *args: *Ts,
        priority: int = 0,
        given_up: threading.Event | None = None,
    ) -> T:
        """Return `function(*args)`, called on one of the threads with the caller's context variables.

        A lower `priority` goes first; within one, first come first served. Cancelled before it began, the job
        never runs; cancelled later, it runs to its end unheard and goes on using its arguments until then.
        `given_up`: is set then, so that `function` may come to its end sooner, and the cancelled caller is let go only
        when the thread is free again.

        Raises:
            EngineFailed: the pool is closed, or was before the job began.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        context = copy_context()
        job = _Job(
            priority=priority,
            number=next(self._numbers),
            perform=lambda: _perform(future, lambda: context.run(function, *args)),
            refuse=lambda: _settle(future, partial(future.set_exception, self._gone())),
        )
        self._enter(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if self._withdraw(job) or given_up is None:
                future.cancel()
            elif not future.done():
                given_up.set()
                await asyncio.wait([future])
                future.exception()  # nobody else asks for it
            raise

    def close(self) -> None:
        """Fail what is queued with EngineFailed and wait for the jobs under way, whose results still arrive.

        Blocks for as long as the longest of those takes. May be called twice.
        """
        with self._changed:
            self._closed = True
            refused, self._queue = self._queue, []
            self._changed.notify_all()
        for job in refused:
            job.refuse()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        atexit.unregister(self.close)

    def _enter(self, job: "_Job") -> None:
        with self._changed:
            if self._closed:
                raise self._gone()
            heapq.heappush(self._queue, job)
            self._changed.notify()

    def _withdraw(self, job: "_Job") -> bool:
        """Take `job` out of the queue; return False if it has begun."""
        with self._changed, suppress(ValueError):  # not in the list: it has begun
            self._queue.remove(job)
            heapq.heapify(self._queue)
            return True
        return False

    def _work(self) -> None:
        if self._gives_way:
            give_way()
        while job := self._next():
            job.perform()
            del job  # an idle thread must not keep the last caller's audio

    def _next(self) -> "_Job | None":
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            return heapq.heappop(self._queue) if self._queue else None

    def _gone(self) -> EngineFailed:
        return EngineFailed(f"{self._name}: closed")


@dataclass(order=True, frozen=True, slots=True)
class _Job:
    priority: int
    number: int
    perform: Callable[[], None] = field(compare=False)
    refuse: Callable[[], None] = field(compare=False)


def _perform(future: asyncio.Future[T], call: Callable[[], T]) -> None:
    try:
        result = call()
    except StopIteration as error:  # a future cannot hold one
        _settle(future, partial(future.set_exception, EngineFailed(f"the job ended with {error!r}")))
    except BaseException as error:  # whatever it is, it is the caller's; the thread serves the next one
        _settle(future, partial(future.set_exception, error))
    else:
        _settle(future, partial(future.set_result, result))


def _settle(future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    def on_loop() -> None:
        if not future.done():
            settle()

    with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        future.get_loop().call_soon_threadsafe(on_loop)
