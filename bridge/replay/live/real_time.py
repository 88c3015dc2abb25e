"""A loop in real time beside a replay: what runs on it takes as long in the replay as it takes there."""

import asyncio
import threading
import time
from collections.abc import Coroutine
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
        began_s, result, failure = time.perf_counter(), None, None
        asked = asyncio.run_coroutine_threadsafe(_caught(work), self._loop)
        result, failure = asked.result()
        await answers.later(time.perf_counter() - began_s)
        if failure is not None:
            raise failure
        return result  # type: ignore[return-value]  # where nothing was raised it is what `work` has returned

    def close(self) -> None:
        """End the thread; nothing may be asked any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _caught(work: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    try:
        return await work, None
    except BaseException as error:  # it is raised again where it was asked for
        return None, error
