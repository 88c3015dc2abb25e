"""Waiting, in real time, for what tells nobody that it has happened: a thread, another process, a server's own task."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from fakes import Client

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


async def call_is(client: Client, call: str, status: str, key: Mapping[str, str]) -> Mapping[str, object]:
    """Return what `GET /calls/...` tells of an ordered call once it has that `status`; `key`: a header."""

    async def told() -> Mapping[str, object]:
        async with client.get(f"/calls/{call}", headers=key) as response:
            assert response.status == 200
            return dict(await response.json())

    return await answered(told, lambda told: told["status"] == status)


async def call_ended(client: Client, call: str, key: Mapping[str, str]) -> tuple[object, object]:
    """Return outcome and reason of an ordered call, once it has ended."""
    told = await call_is(client, call, "ended", key)
    return told["outcome"], told["reason"]
