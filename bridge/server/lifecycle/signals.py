"""Signals: acted on in the event loop, and noted at once where the loop is stuck."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType


@contextmanager
def obeyed(
    handlers: Mapping[signal.Signals, Callable[[], None]], *, noted: Callable[[signal.Signals], None]
) -> Iterator[None]:
    """Have each signal call its handler in the running loop, while the block lasts; to be entered in the main thread.

    `noted` is called before that, between two steps of whatever the main thread does: it must not block.
    """
    loop = asyncio.get_running_loop()

    def receive(number: int, _: FrameType | None) -> None:
        noted(signal.Signals(number))
        loop.call_soon_threadsafe(handlers[signal.Signals(number)])

    for number in handlers:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number in handlers:  # the process is about to end, and a further signal must not cut that short
            signal.signal(number, lambda number, _: noted(signal.Signals(number)))


def keep_exit_code() -> None:
    """Ignore what ends a process: it ends, and with the exit code that it has by now; for its main thread.

    As it ends, the interpreter gives signals their default back, and leaves alone those that are ignored.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
