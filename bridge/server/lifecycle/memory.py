"""The memory of a server that runs for months: what stays is not looked at again, and what is free is given back."""

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable
from typing import Final, Self

from bridge.containment import cancelled

_EACH_S: Final = 60.0


def keep_for_good() -> None:
    """Leave all objects that there are now out of later searches for garbage; blocks for about 0.1 s.

    A search of everything holds every thread for 60 ms once the models are loaded, and begins in the middle of a call:
    longer than a wire without a buffer of its own has audio. What comes with the calls is a hundredth of that.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Return memory that is free to the system; takes about 5 ms in which others may run.

    glibc keeps what was freed, in each of its arenas up to twice the largest block that was ever freed there. Without
    glibc this does nothing.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


class GivingBack:
    """Gives free memory back once a minute, inside the `async with`, from a thread."""

    def __init__(
        self,
        give: Callable[[], None] = give_back,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` waits for a number of seconds, between two times."""
        self._give, self._pause = give, pause
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await cancelled(self._task)

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self._give)
            await self._pause(_EACH_S)
