"""Blocking code of bot authors, off the event loop."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

T = TypeVar("T")

MOST: Final = 64
"""Threads at a time, in all calls together: what hangs for ever must not take the machine along."""

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
