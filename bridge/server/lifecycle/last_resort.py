"""Ends a process that outlives the time it announced: a task that cannot be cancelled, a thread that never returns."""

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

log = logging.getLogger(__name__)

_TELL_S: Final = 1.0
"""So long the log may take; a stuck thread may hold its lock."""


def cut_off() -> None:
    """End the process with exit code 1, with nothing but a line in the log."""
    teller = threading.Thread(target=_tell, daemon=True)
    teller.start()
    teller.join(_TELL_S)
    os._exit(1)


def _tell() -> None:
    frames = sys._current_frames()  # noqa: SLF001 - the only way to another thread's stack
    frame = frames.get(threading.main_thread().ident or 0)
    where = traceback.format_stack(frame)[-1].strip().replace("\n", " ") if frame else "nowhere"
    threads = ", ".join(thread.name for thread in threading.enumerate() if not thread.daemon)
    log.critical("the process has not ended in the time announced and is cut off; threads: %s; at %s", threads, where)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


class LastResort:
    """A thread of its own that keeps the time: the event loop may be what is stuck."""

    def __init__(self, *, leave: Callable[[], None] = cut_off, clock_s: Callable[[], float] = time.monotonic) -> None:
        """`leave` ends the process."""
        self._leave, self._clock_s = leave, clock_s
        self._orders = SimpleQueue[float]()
        threading.Thread(target=self._keep_time, name="last-resort", daemon=True).start()

    def within(self, seconds: float) -> None:
        """Leave in `seconds`, or when it was ordered before, if that is sooner. May be called in a signal handler."""
        self._orders.put(self._clock_s() + seconds)

    def _keep_time(self) -> None:
        until_s = self._orders.get()
        while (left_s := until_s - self._clock_s()) > 0:
            try:
                until_s = min(until_s, self._orders.get(timeout=left_s))
            except Empty:
                continue
        self._leave()
