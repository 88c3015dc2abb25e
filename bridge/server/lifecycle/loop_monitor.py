"""Watches the event loop: how late it is, and what holds it up, with its stack and its call, told from a thread."""

import asyncio
import logging
import sys
import threading
import time
import traceback
from asyncio import events
from collections.abc import Callable
from contextvars import Context
from types import FrameType
from typing import Final, Self

from bridge import logs

log = logging.getLogger(__name__)

_TICK_S: Final = 0.05
_HELD_S: Final = 0.25
"""What holds the loop for longer is told."""
_TOLD_S: Final = 5.0
"""Seconds between two that are told; the others are counted."""
_FRAMES: Final = 25


class LoopMonitor:
    """Measures the running loop, inside the `async with`."""

    def __init__(
        self,
        on_lag: Callable[[float], None],
        *,
        held_s: float = _HELD_S,
        told_s: float = _TOLD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_lag` is called 20 times a second with the seconds that the loop was late.

        `held_s`: a loop held up for longer is told in the log, once in `told_s`. `clock` is any that never goes back.
        """
        self._on_lag, self._held_s, self._told_s, self._clock = on_lag, held_s, told_s, clock
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._due_s = clock() + _TICK_S
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-monitor", daemon=True)

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._timer.cancel()
        self._ended.set()
        self._thread.join()

    def _tick(self) -> None:
        now_s = self._clock()
        self._on_lag(max(0.0, now_s - self._due_s))
        self._due_s = now_s + _TICK_S
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _watch(self) -> None:
        """Look at the loop until the end. One stall is one line, however long it lasts."""
        known_due_s, put_off_due_s, told_at_s, untold = 0.0, 0.0, float("-inf"), 0
        while not self._ended.wait(min(_TICK_S, self._held_s / 2)):
            now_s, due_s = self._clock(), self._due_s
            if now_s - due_s <= self._held_s or due_s == known_due_s:
                continue
            if now_s - told_at_s < self._told_s:  # one that lasts is told later
                untold += due_s != put_off_due_s
                put_off_due_s = due_s
                continue
            known_due_s = due_s
            self._tell(now_s - due_s, untold - (due_s == put_off_due_s))
            told_at_s, untold = now_s, 0

    def _tell(self, held_s: float, untold: int) -> None:
        if (frame := sys._current_frames().get(self._loop_thread)) is None:  # noqa: SLF001  # there is no other way
            return
        stack = "".join(traceback.format_list(traceback.extract_stack(frame)[-_FRAMES:]))
        more = f" ({untold} more were not told)" if untold else ""
        token = logs.call_id.set(_call_of(frame))
        try:
            text = "the event loop has been held up for %.2f s: this code has to run in a thread%s"
            record = log.makeRecord(log.name, logging.WARNING, __file__, 0, text, (held_s, more), None, sinfo=stack)
            log.handle(record)
        finally:
            logs.call_id.reset(token)


def _call_of(frame: FrameType) -> str:
    """Return the call that the code of the loop's thread works for, "" where it works for none."""
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_code is events.Handle._run.__code__:  # noqa: SLF001  # every step of every task runs in one
            context = getattr(outer.f_locals.get("self"), "_context", None)
            return str(context.get(logs.call_id, "")) if isinstance(context, Context) else ""
        outer = outer.f_back
    return ""
