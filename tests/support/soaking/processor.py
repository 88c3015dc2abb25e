"""Whether the machine let the server run: so that a stall of the machine is not taken for one of the server."""

import asyncio
import os
from bisect import bisect_left
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

LET_DOWN_MS: Final = 20.0
"""A frame's time: who is 40 ms ahead hears no gap from what is shorter."""
_EACH_S: Final = 0.02
_BEFORE_S: Final = 0.3
_AFTER_S: Final = 0.06


@dataclass(frozen=True, slots=True)
class Used:
    """What the threads of a process have had by some time, in milliseconds since its start."""

    at_s: float
    waited_ms: float
    """The thread of the event loop, ready to run, while all processors were busy."""
    others_ms: float
    """Processor time of the other threads of the process."""


def used(pid: int, at_s: float) -> Used:
    """Return what `pid` has used; its first thread is that of the event loop.

    Raises:
        OSError: the system does not tell, or there is no such process.
    """
    ran, waited, *_ = map(int, Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split())
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    in_all_ms = 1000 * sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return Used(at_s, waited / 1e6, in_all_ms - ran / 1e6)


class ProcessorWatch:
    """Looks at one process, inside the `async with`."""

    def __init__(self, pid: int, look: Callable[[int, float], Used] = used) -> None:
        self._pid, self._look = pid, look
        self._seen: list[Used] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        clock_s = asyncio.get_running_loop().time
        with suppress(OSError, ValueError):  # then nothing is put down to the machine
            while True:
                self.add(self._look(self._pid, clock_s()))
                await asyncio.sleep(_EACH_S)

    def add(self, seen: Used) -> None:
        """Take one look. Times never go back."""
        self._seen.append(seen)

    def let_down(self, at_s: float) -> bool:
        """Return whether the event loop waited for a processor shortly before `at_s`, and not for its own threads.

        `at_s`: by the clock of the running loop.
        """
        begin = max(0, bisect_left(self._seen, at_s - _BEFORE_S, key=lambda seen: seen.at_s) - 1)
        end = bisect_left(self._seen, at_s + _AFTER_S, key=lambda seen: seen.at_s)
        if len(between := self._seen[begin : end + 1]) < 2:
            return False
        waited_ms = between[-1].waited_ms - between[0].waited_ms
        return waited_ms >= LET_DOWN_MS and between[-1].others_ms - between[0].others_ms < waited_ms
