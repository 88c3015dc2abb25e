"""Threads beside the event loop: blocking code of bot authors, and models that must not keep it waiting."""

import asyncio
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 64
"""Threads at a time, in all calls together: what hangs for ever must not take the machine along."""

NICENESS: Final = 5
"""A thread that gives way is nicer by so much: it gets a third of what the others get where there is not enough."""
_NICEST: Final = 19

_free: Final = threading.BoundedSemaphore(MOST)


async def in_thread(work: Callable[[], T]) -> T:
    """Return what `work` returns, from a thread of its own; it must not raise.

    Cancelled, the wait ends and the thread goes on. The threads are daemons and none of an executor's: one that never
    ends keeps neither the process from ending nor the look-up of a host name, which uses the loop's executor, waiting.

    Raises:
        RuntimeError: MOST threads are still at work.
    """
    if not _free.acquire(blocking=False):
        raise RuntimeError(f"{MOST} threads are still at work")
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()  # log lines of the thread belong to the call too

    def run() -> None:
        try:
            result = context.run(work)
        finally:
            _free.release()
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, done, result)

    try:
        threading.Thread(target=run, name="tool", daemon=True).start()
    except RuntimeError:
        _free.release()
        raise
    return await done


def _settle(done: asyncio.Future[T], result: T) -> None:
    if not done.done():
        done.set_result(result)


def give_way() -> None:
    """Have the calling thread, and those that it starts, run behind the others of this process, for good.

    The system shares the processors out by niceness: a model that has all of them busy would otherwise keep the thread
    waiting that sends audio every 20 ms. Where threads have no niceness of their own (all but Linux) nothing changes.
    """
    if sys.platform == "linux":
        behind = os.getpriority(os.PRIO_PROCESS, os.getpid()) + NICENESS  # the main thread may be nice itself
        with suppress(OSError):  # forbidden by a sandbox: it is slower and works
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(behind, _NICEST))


def made_behind(make: Callable[[], T]) -> T:
    """Return what `make` returns; what threads it starts give way. Blocks.

    Raises:
        whatever `make` raises.
    """
    with ThreadPoolExecutor(1, initializer=give_way) as thread:
        return thread.submit(make).result()
