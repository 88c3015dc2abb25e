"""What the caller hears while a reply is awaited. The clock is that of the caller's wait, not of the newest reply."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager


class ReplyFiller:
    """Says the filler of one call. A reply that is begun anew, as the caller said more, does not set the clock back."""

    def __init__(self, fill: Callable[[], Coroutine[None, None, None]], *, after_s: float) -> None:
        """`fill` says it. `after_s`: the caller has waited so long by then; `math.inf` is never."""
        self._fill, self._after_s = fill, after_s
        self._since_s = 0.0  # in the loop's time: when the caller began to wait, or heard the filler
        self._say_now: Callable[[], None] | None = None

    def begin(self) -> None:
        """Note that the caller begins to wait."""
        self._since_s = asyncio.get_running_loop().time()

    def hurry(self) -> None:
        """Say it now, if a reply is awaited: the caller asks whether anybody is there."""
        if self._say_now:
            self._say_now()

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Say it where the reply that is read meanwhile is late; yields what to await at its first piece.

        The reply stays in the task of whoever reads it: a bot may hold a timeout or a task group open over a `yield`.
        """
        loop = asyncio.get_running_loop()
        task: asyncio.Task[None] | None = None

        def say() -> None:
            nonlocal task
            if task is None or (task.done() and not task.cancelled() and not task.exception()):
                timer.cancel()
                self._since_s = loop.time()
                task = asyncio.ensure_future(self._fill())

        async def over() -> None:
            timer.cancel()
            self._say_now = None
            if task:
                await task

        timer = loop.call_at(self._since_s + self._after_s, say)
        self._say_now = say if self._after_s < float("inf") else None
        try:
            yield over
        finally:
            timer.cancel()
            self._say_now = None
            if task:
                task.cancel()
                await asyncio.wait({task})
