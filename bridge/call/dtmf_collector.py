"""Gathers the keys that a `Collect` asked for; until they are complete, none goes to the bot."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from bot.actions import Collect
from bridge.speaking.speech_output import SpeechOutput

log = logging.getLogger(__name__)

SECRET_KEYS: Final = "[secret keys]"
"""Stands for them in texts and histories."""
_AFTER_SECRET_MS: Final = 2000


class DtmfCollector:
    """Gathers the keys of one call, while somebody asks for them."""

    def __init__(self, complete: Callable[[str, str], None], *, tasks: asyncio.TaskGroup, output: SpeechOutput) -> None:
        """`complete` is told the keys, "" where none came in time, and the text that stands for them.

        The time to press begins when the caller has heard `output`, whose recording is silent while keys are secret.
        """
        self._complete, self._tasks, self._output = complete, tasks, output
        self._task: asyncio.Task[None] | None = None
        self._wanted: Collect | None = None  # what was asked for last
        self._ended_ms = 0.0  # by the clock of the output
        self._pressed: asyncio.Queue[str] = asyncio.Queue()

    @property
    def gathering(self) -> bool:
        """True while keys are waited for."""
        return self._task is not None and not self._task.done() and not self._task.cancelling()

    def note(self, digit: str) -> None:
        """Have a key noted that nobody asked for; not soon after secret ones: one too many belongs to them."""
        if not (self._wanted and self._wanted.secret and self._output.now_ms < self._ended_ms + _AFTER_SECRET_MS):
            self._output.observer.pressed(digit)

    def collect(self, wanted: Collect) -> None:
        """Begin to gather, in place of what was asked for before."""
        self.stop()
        self._pressed, self._wanted, self._ended_ms = asyncio.Queue(), wanted, math.inf
        self._task = task = self._tasks.create_task(self._gather(wanted, self._pressed))
        if wanted.secret:
            self._output.recording.hide()
        task.add_done_callback(lambda _: self._end(wanted))

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
                async with asyncio.timeout(wanted.timeout_s + self._output.left_ms / 1000):
                    key = await pressed.get()
            except TimeoutError:
                break
            if key == wanted.terminator:
                break
            keys += key
        self._task = None  # so that the answer to these keys does not cancel who asks for it
        log.info("keys: %d", len(keys))
        if keys and not wanted.secret:
            self._output.observer.pressed(keys)
        self._complete(keys, SECRET_KEYS if keys and wanted.secret else keys)

    def _end(self, wanted: Collect) -> None:
        if wanted is self._wanted:
            self._ended_ms = self._output.now_ms
            if wanted.secret:
                self._output.recording.show()
