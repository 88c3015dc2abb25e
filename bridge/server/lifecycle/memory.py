"""The memory of a server that runs for months: what stays is not looked at again, and what is free is given back."""

import asyncio
import ctypes
import gc
from collections.abc import Awaitable, Callable
from typing import Final

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


async def giving_back(
    give: Callable[[], None] = give_back, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Give free memory back once a minute, from a thread, without end. `pause` waits for a number of seconds."""
    while True:
        await asyncio.to_thread(give)
        await pause(_EACH_S)
