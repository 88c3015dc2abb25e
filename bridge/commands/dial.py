"""`bridge dial`: asks a running server to place a call, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

_ASK_S: Final = 0.5
_LIMIT: Final = aiohttp.ClientTimeout(total=30)

State = Mapping[str, object]


class DialRefused(Exception):
    """The server does not place the call; the text says why."""


@asynccontextmanager
async def server(url: str, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session with the server at `url`, without a path; `token` is its API token, "" where it has none."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with aiohttp.ClientSession(url, headers=headers, timeout=_LIMIT) as session:
        yield session


async def order(session: aiohttp.ClientSession, wanted: Mapping[str, object]) -> State:
    """Return the state of a call that was ordered.

    Raises:
        DialRefused: it was not.
        aiohttp.ClientError: the server is not there.
    """
    return await _told(session, "POST", "/calls", wanted)


async def follow(session: aiohttp.ClientSession, state: State) -> AsyncIterator[State]:
    """Yield `state` of a call and each that follows, up to its end.

    Raises:
        DialRefused: the server knows the call no more.
        aiohttp.ClientError: the server is gone.
    """
    yield state
    while state["status"] != "ended":
        await asyncio.sleep(_ASK_S)  # the server tells who asks, and nobody else
        now = await _told(session, "GET", f"/calls/{state['call_id']}")
        if now != state:
            yield now
        state = now


async def _told(
    session: aiohttp.ClientSession, method: str, path: str, body: Mapping[str, object] | None = None
) -> State:
    async with session.request(method, path, json=body) as response:
        text = await response.text()
        if response.content_type != "application/json":
            raise DialRefused(f"{response.status}: {text.strip()[:200]}")
        told: dict[str, object] = await response.json()
        if response.status >= 400:
            raise DialRefused(str(told.get("error", told)))
        return told
