"""Time limits for what others do: what our own event loop was late is not counted against them.

A bot that blocks the loop, or a paused machine, makes timers fire before the sockets are read. Who has spoken meanwhile
has to be heard before anybody counts as gone.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_STEP_S: Final = 0.5
_LATE_S: Final = 0.1
"""A step that ends so much too late was a stall."""
_MOST_STALLS: Final = 4
"""Stalls in a row, at the very end, that are waited out: a loop that is always late must not wait for ever."""


class Countdown:
    """Calls `over` once the loop has run for `limit_s` seconds since the start or the last `renew`.

    It counts in equal steps of half a second at most, however long each one takes; so it ends up to a step late.
    """

    def __init__(self, limit_s: float, over: Callable[[], None]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), over
        self._steps = max(1, math.ceil(limit_s / _STEP_S))
        self._step_s = max(0.0, limit_s) / self._steps
        self._left, self._stalls = self._steps, 0
        self._timer = self._next()

    def renew(self) -> None:
        """Begin anew. Cheap: it may be called for each packet."""
        self._left, self._stalls = self._steps + 1, 0  # the step under way is not a whole one any more

    def end(self) -> None:
        """Count no more."""
        self._timer.cancel()

    def _next(self) -> asyncio.TimerHandle:
        self._due_s = self._loop.time() + self._step_s
        return self._loop.call_at(self._due_s, self._step)

    def _step(self) -> None:
        late = self._loop.time() - self._due_s > _LATE_S
        self._left -= 1
        if self._left <= 0 and late and self._stalls < _MOST_STALLS:
            self._stalls += 1
            self._left = 1
        if self._left > 0:
            self._timer = self._next()
        else:
            self._over()


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for `event`, for `seconds` at most: our own time, of which stalls are a part. None is for ever."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class timeout:  # noqa: N801  # reads as asyncio.timeout does
    """`asyncio.timeout` that waits out a stall of the loop. None is for ever."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._scope = asyncio.timeout(None)
        self._countdown: Countdown | None = None

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        if self._limit_s is not None:
            self._countdown = Countdown(self._limit_s, self._expire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unlimited()
        await self._scope.__aexit__(kind, error, trace)

    def unlimited(self) -> None:
        """Wait for as long as it takes from here on."""
        if self._countdown:
            self._countdown.end()

    def _expire(self) -> None:
        self._scope.reschedule(asyncio.get_running_loop().time())
