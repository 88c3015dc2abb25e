"""Gathers the keys that a `Collect` asked for; until they are complete, none goes to the bot."""

import asyncio
import logging
from collections.abc import Callable

from bot.actions import Collect

log = logging.getLogger(__name__)


class DtmfCollector:
    """Gathers the keys of one call, while somebody asks for them."""

    def __init__(
        self, complete: Callable[[str], None], *, tasks: asyncio.TaskGroup, left_ms: Callable[[], int]
    ) -> None:
        """`complete` is told the keys, "" where none came in time.

        `left_ms`: how long the caller still listens to what was said; the time to press begins after it.
        """
        self._complete, self._tasks, self._left_ms = complete, tasks, left_ms
        self._task: asyncio.Task[None] | None = None
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    @property
    def gathering(self) -> bool:
        """True while keys are waited for."""
        return self._task is not None and not self._task.done() and not self._task.cancelling()

    def collect(self, wanted: Collect) -> None:
        """Begin to gather, in place of what was asked for before."""
        self.stop()
        self._pressed = asyncio.Queue()
        self._task = self._tasks.create_task(self._gather(wanted, self._pressed))

    def press(self, digit: str) -> None:
        """Take a key."""
        self._pressed.put_nowait(digit)

    def stop(self) -> None:
        """Wait for no more keys; `complete` is not told."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _gather(self, wanted: Collect, pressed: asyncio.Queue[str]) -> None:
        keys = ""
        while not (wanted.digits and len(keys) >= wanted.digits):
            try:
                async with asyncio.timeout(wanted.timeout_s + self._left_ms() / 1000):
                    key = await pressed.get()
            except TimeoutError:
                break
            if key == wanted.terminator:
                break
            keys += key
        self._task = None  # so that the answer to these keys does not cancel who asks for it
        log.info("keys: %d", len(keys))
        self._complete(keys)
