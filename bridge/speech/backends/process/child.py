"""A process that works for the bridge: started, spoken to over a socket, and ended with all that it started."""

import logging
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from bridge.speech.backends.process import frames
from bridge.speech.backends.process.frames import Frame

_logger = logging.getLogger(__name__)

_TERM_S: Final = 5.0
"""Seconds from SIGTERM to SIGKILL, for what is left of its group: an engine, and who frees its shared memory."""

_TAIL: Final = 200
"""Lines of its output that are kept to tell why it died."""


class Child:
    """One process, the leader of a group of its own: what it starts ends with it.

    Made and ended by one thread that outlives it: where the kernel can, the child dies when that thread does.
    """

    def __init__(
        self, command: Sequence[str], *, name: str, environment: Mapping[str, str], grace_s: float = 8.0
    ) -> None:
        """Start `command` with the number of its socket as last argument and `environment` beside ours.

        `grace_s`: seconds to end by itself once its socket is shut; it frees a GPU and shared memory.

        Raises:
            OSError: it does not start.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _spawn([*command, str(theirs.fileno())], theirs.fileno(), environment)
            except OSError:
                self._socket.close()
                raise
        self._grace_s = grace_s
        self.pid = self._process.pid
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._outgoing: queue.SimpleQueue[Callable[[], Frame | None] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=f"{name}-{what}", daemon=True)
            for what, work in {"writer": self._write, "output": self._read_output}.items()
        ]
        for thread in self._threads:
            thread.start()

    def post(self, frame: Callable[[], Frame | None]) -> None:
        """Have what `frame` returns sent, in order, unless it is None by then. Never blocks, never fails."""
        self._outgoing.put(frame)

    def receive(self, *, timeout_s: float | None = None) -> Frame | None:
        """Return its next frame, None once it is gone, or does not keep to the format.

        Raises:
            TimeoutError: it said nothing for so long.
        """
        poller = select.poll()  # a timeout of the socket would be the writer's too
        poller.register(self._socket, select.POLLIN)
        if not poller.poll(None if timeout_s is None else 1000 * timeout_s):
            raise TimeoutError
        try:
            return frames.receive(self._socket)
        except (frames.FrameError, OSError) as error:
            _logger.debug("process %d: %s", self.pid, error)
            return None

    @property
    def output(self) -> Sequence[str]:
        """The last lines it wrote to stdout and stderr."""
        return tuple(self._tail)

    def hang_up(self) -> None:
        """Tell it to end, and `receive` to return None. May be called by any thread, more than once."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Return when it and its whole group are gone. Blocks for seconds where they do not go by themselves."""
        self.hang_up()
        self._outgoing.put(None)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._grace_s)
        if self._signal(signal.SIGTERM) and not self._gone_within(_TERM_S):
            self._signal(signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join(_TERM_S)
        self._socket.close()

    def _signal(self, number: int) -> bool:
        """Return whether anything of its group was there to get the signal."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):  # the latter is macOS's word for a group of zombies
            return False
        return True

    def _gone_within(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self._process.poll() is None or self._signal(0):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)  # nobody tells when a group becomes empty
        return True

    def _write(self) -> None:
        with suppress(OSError):  # it is gone; the reader finds out
            while make := self._outgoing.get():
                if frame := make():
                    frames.send(self._socket, frame)
                del make, frame  # an idle thread must not keep the last caller's audio

    def _read_output(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                if text := line.decode(errors="replace").rstrip():
                    self._tail.append(text)
                    _logger.debug("process %d: %s", self.pid, text)


def _spawn(command: Sequence[str], fd: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        pass_fds=[fd],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
