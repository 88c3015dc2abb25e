"""Keeps a child process at work: what it is asked fails at once when it dies, and it is started again."""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from bridge.backoff import Backoff
from bridge.speech.api import EngineFailed, EngineLost, SpeechError
from bridge.speech.backends.process import refusal
from bridge.speech.backends.process.child import Child
from bridge.speech.backends.process.frames import Frame, FrameKind

_logger = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 1.0
_STEADY_S: Final = 60.0
"""After so much service a death is an accident, and the next start comes soon."""

Start = Callable[[], Child]
Explain = Callable[[SpeechError, Sequence[str]], SpeechError]
"""Makes of an error, and the last lines its process wrote, the error to report."""


class Supervised:
    """A child that answers questions, restarted when it dies. Thread-safe; questions come from event loops."""

    def __init__(self, start: Start, *, name: str, options: bytes, explain: Explain, start_timeout_s: float) -> None:
        """`options` are the first frame each child gets; it has `start_timeout_s` to be ready."""
        self._start_child, self._options, self._explain = start, options, explain
        self._name, self._start_timeout_s = name, start_timeout_s
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._open: dict[int, asyncio.Future[bytes]] | None = None
        """Questions without an answer; None while nobody is there to ask."""
        self._outcome: bytes | SpeechError = b""
        """What `start` waits for."""
        self._backoff = Backoff(_FIRST_PAUSE_S, steady_s=_STEADY_S)
        self._started, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-supervisor", daemon=True)

    def start(self) -> bytes:
        """Start the child and return the head of its READY frame. Blocks until then.

        Raises:
            SpeechError: it does not start, and why; it is not tried again.
        """
        self._thread.start()
        try:
            self._started.wait()
        except BaseException:  # Ctrl-C while it loads
            self.close()
            raise
        if isinstance(self._outcome, SpeechError):
            self._thread.join()
            raise self._outcome
        return self._outcome

    @property
    def ready(self) -> bool:
        """Whether the child takes questions."""
        return self._open is not None

    @property
    def pid(self) -> int | None:
        """The child that is at work, or starts."""
        child = self._child
        return child.pid if child else None

    async def ask(self, head: bytes, payload: memoryview) -> bytes:
        """Return the answer's head. Cancelling tells the child to give it up.

        `payload` is not copied and must not change until then.

        Raises:
            EngineLost: no child is there, or it died before it answered.
            SpeechError: what the child raised.
        """
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        number = next(self._numbers)
        with self._lock:
            child, waiting = self._child, self._open
            if child is None or waiting is None:
                raise EngineLost(f"{self._name}: {'closed' if self._closed.is_set() else 'it is being started again'}")
            waiting[number] = future
        child.post(lambda: Frame(FrameKind.ASK, number, head, payload) if number in waiting else None)
        try:
            return await future
        except asyncio.CancelledError:
            child.post(lambda: Frame(FrameKind.ABORT, number))
            raise
        finally:
            waiting.pop(number, None)

    def close(self) -> None:
        """End the child and fail what it was asked with EngineLost. Blocks for seconds; may be called twice."""
        self._closed.set()
        with self._lock:
            child = self._child
        if child:
            child.hang_up()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            error = self._live()
            if not self._started.is_set():
                self._outcome = error
                self._started.set()
                return
            if self._closed.is_set():
                return
            pause_s = self._backoff.failed(time.monotonic())
            _logger.error("%s: %s; it is started again in %.0f s", self._name, error, pause_s)
            if self._closed.wait(pause_s):
                return

    def _live(self) -> SpeechError:
        """Serve with one child from its start to its end; return why it ended."""
        try:
            child = self._start_child()
        except OSError as error:
            return EngineFailed(f"{self._name}: {error}")
        with self._lock:
            self._child = child
        if self._closed.is_set():
            child.hang_up()
        try:
            self._begin(child)
            ended: SpeechError = self._serve(child)
        except SpeechError as error:
            ended = error
        self._lose(child, ended)
        return self._explain(ended, child.output)

    def _begin(self, child: Child) -> None:
        """Wait until `child` takes questions.

        Raises:
            SpeechError: it will not.
        """
        child.post(lambda: Frame(FrameKind.OPTIONS, head=self._options))
        try:
            frame = child.receive(timeout_s=self._start_timeout_s)
        except TimeoutError:
            raise EngineFailed(f"{self._name}: not ready within {self._start_timeout_s:g} s") from None
        if frame is None:
            raise EngineLost(f"{self._name}: process {child.pid} died while it started")
        if frame.kind is not FrameKind.READY:
            raise refusal.from_bytes(frame.head)
        with self._lock:
            self._open = {}
        self._backoff.ready(time.monotonic())
        if self._started.is_set():
            _logger.warning("%s: it is back", self._name)
        self._outcome = frame.head
        self._started.set()

    def _serve(self, child: Child) -> SpeechError:
        """Hand answers out until there are no more; return why."""
        while frame := child.receive():
            future = (self._open or {}).pop(frame.number, None)
            if frame.kind is FrameKind.FAILED:
                return refusal.from_bytes(frame.head)
            if future:
                _settle(future, frame.head if frame.kind is FrameKind.ANSWER else refusal.from_bytes(frame.head))
        return EngineLost(f"{self._name}: {'closed' if self._closed.is_set() else f'process {child.pid} died'}")

    def _lose(self, child: Child, error: SpeechError) -> None:
        with self._lock:
            waiting, self._open = self._open or {}, None
        for future in list(waiting.values()):
            _settle(future, EngineLost(str(error)))
        waiting.clear()
        child.end()
        with self._lock:
            self._child = None


def _settle(future: asyncio.Future[bytes], outcome: bytes | SpeechError) -> None:
    def on_loop() -> None:
        if future.done():
            return
        if isinstance(outcome, SpeechError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        future.get_loop().call_soon_threadsafe(on_loop)
