"""Waiting, in real time, for what tells nobody that it has happened: a thread, another process, a server's own task."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
_EACH_S = 0.005


async def until(happened: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Return as soon as `happened()` is true. Where something does tell, wait for that instead.

    Raises:
        TimeoutError: it was not within `within_s`.
    """
    async with asyncio.timeout(within_s):
        while not happened():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_EACH_S)


async def answered(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], object], *, within_s: float = 10.0) -> T:
    """Ask again and again; return the first answer that is `wanted`.

    Raises:
        TimeoutError: none was within `within_s`.
    """
    async with asyncio.timeout(within_s):
        while not wanted(answer := await ask()):  # noqa: ASYNC110 - it tells who asks
            await asyncio.sleep(_EACH_S)
    return answer
