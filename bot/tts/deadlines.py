"""Threads that the sentences of all calls share: whose caller would hear a gap first goes first."""

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from bot.api import Samples

Made = TypeVar("Made")


class Deadlines:
    """`count` threads that do what is due first. Nothing starves: a deadline is a time, and time passes it."""

    def __init__(self, count: int, *, name: str) -> None:
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        for number in range(count):  # daemons: a model that hangs must not keep the process from ending
            threading.Thread(target=self._run, name=f"{name}_{number}", daemon=True).start()

    def submit(self, work: Callable[[], Made], *, due_s: float) -> "Future[Made]":
        """Return what will hold the result of `work`. Cancelled before it began, it is never done.

        `due_s`: time by time.monotonic() when the result is needed.

        Raises:
            RuntimeError: this is closed.
        """
        future: Future[Made] = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the voice is closed")
            entry: Callable[[], None] = partial(_do, work, future)
            heapq.heappush(self._waiting, (due_s, next(self._numbers), entry))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Take no more work; what was submitted is still done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                work = heapq.heappop(self._waiting)[2]
            work()
            del work  # its result may be large, and the next may be long in coming


def _do(work: Callable[[], Made], future: "Future[Made]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # whoever waits is told, whatever it is
        future.set_exception(error)
    else:
        future.set_result(result)


class Playing:
    """When the caller would have heard all of a sentence that was made so far: when its next clause is due."""

    def __init__(self, sample_rate: int, *, now_s: float) -> None:
        self.due_s = now_s
        self._sample_rate = sample_rate

    def add(self, sound: Samples, *, now_s: float) -> None:
        """Note that `sound` was made."""
        self.due_s = max(self.due_s, now_s) + len(sound) / self._sample_rate
