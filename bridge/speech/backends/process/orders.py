"""The other end of `Child`, in the process itself: takes orders, answers, and leaves when the bridge is gone."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from bridge.speech.backends.process import frames, refusal
from bridge.speech.backends.process.frames import Frame, FrameError, FrameKind

_LEAVE_S: Final = 5.0
"""Seconds to end in order after the bridge hung up or died; then it is killed."""

_TERM_S: Final = 2.0
"""Seconds from SIGTERM to SIGKILL: multiprocessing's tracker needs a moment to free shared memory."""

_PR_SET_PDEATHSIG: Final = 1
_BRIDGE: Final = os.getppid()


class Orders:
    """The socket to the bridge. Answers may be sent by any thread."""

    def __init__(self, fd: int) -> None:
        """Take the socket that `Child` left at `fd`; what this process starts must not keep it open."""
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._socket.close)
        _die_with_parent()

    def options(self) -> bytes:
        """Return the head of the first frame. Blocks.

        Raises:
            FrameError: the bridge is gone already.
        """
        frame = frames.receive(self._socket)
        if frame is None or frame.kind is not FrameKind.OPTIONS:
            raise FrameError(f"the first frame is {frame and frame.kind!r}, must be OPTIONS")
        return frame.head

    def listen(self, on_frame: Callable[[Frame], None], *, on_end: Callable[[], None]) -> None:
        """Call `on_frame` on the running loop for each frame from now on, `on_end` when the bridge is gone.

        A thread reads, so that the end is seen while the loop is busy with loading.
        """
        loop = asyncio.get_running_loop()

        def read() -> None:
            with suppress(RuntimeError, OSError, FrameError):  # the loop is closed, or the bridge is gone
                while frame := frames.receive(self._socket):
                    loop.call_soon_threadsafe(on_frame, frame)
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(on_end)
            time.sleep(_LEAVE_S)
            leave()

        threading.Thread(target=read, name="orders", daemon=True).start()

    def ready(self, about: bytes) -> None:
        """Tell the bridge that questions may come."""
        self._send(Frame(FrameKind.READY, head=about))

    def answer(self, number: int, head: bytes) -> None:
        """Answer question `number`."""
        self._send(Frame(FrameKind.ANSWER, number, head))

    def refuse(self, number: int, error: BaseException) -> None:
        """Raise `error` where question `number` was asked."""
        self._send(Frame(FrameKind.REFUSED, number, refusal.to_bytes(error)))

    def fail(self, error: BaseException) -> None:
        """Tell the bridge why this process ends."""
        self._send(Frame(FrameKind.FAILED, head=refusal.to_bytes(error)))

    def _send(self, frame: Frame) -> None:
        # Blocking on a loop is right here: heads are short, and the bridge has a thread that only reads.
        with self._lock, suppress(OSError):  # nobody is there to hear it
            frames.send(self._socket, frame)


def leave() -> None:
    """End this process. The bridge ends what it leaves behind; where that is gone too, it does so itself."""
    if os.getppid() != _BRIDGE and os.getpgrp() == os.getpid():
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)
        time.sleep(_TERM_S)
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _die_with_parent() -> None:
    """Have the kernel end us when the bridge dies, for the case that somebody else holds its socket open."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
