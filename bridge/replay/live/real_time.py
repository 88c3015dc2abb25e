"""A loop in real time beside a replay: what runs on it takes as long in the replay as it takes there."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from bridge.replay.answers import Answers

T = TypeVar("T")


class RealTime:
    """A thread with an event loop, for engines, bots and voices that do real work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="real time", daemon=True)
        self._thread.start()

    async def ask(self, work: Coroutine[Any, Any, T], answers: Answers) -> T:
        """Return what `work` returns, after as much time of the replay as it takes here.

        Raises:
            whatever `work` raises, after that time.
        """
        began_s = time.perf_counter()
        outcome = asyncio.run_coroutine_threadsafe(_outcome_of(work), self._loop).result()
        await answers.later(time.perf_counter() - began_s)
        return outcome.result()

    def close(self) -> None:
        """End the thread; nothing may be asked any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _outcome_of(work: Coroutine[Any, Any, T]) -> Future[T]:
    done = Future[T]()
    try:
        done.set_result(await work)
    except BaseException as error:  # whatever it is, it is raised again where it was asked for
        done.set_exception(error)
    return done
