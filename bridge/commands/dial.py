"""`bridge dial`: asks a running server to place a call, and follows the call."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

_ASK_S: Final = 0.5
_LIMIT: Final = aiohttp.ClientTimeout(total=30)

CallState = Mapping[str, object]
"""What the server tells about a call: its JSON object."""


class DialRefused(Exception):
    """The server does not place the call, or does not know it; the text says why."""


@asynccontextmanager
async def server(url: str, token: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a session with the server at `url`, an address without a path. `token`: its API token, "" for none."""
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with aiohttp.ClientSession(url, headers=headers, timeout=_LIMIT) as session:
        yield session


async def order(session: aiohttp.ClientSession, wanted: Mapping[str, object]) -> CallState:
    """Have the server place a call; return the state of the call. `wanted`: the body of POST /calls.

    Raises:
        DialRefused: the server refuses.
        aiohttp.ClientError: the server is not there.
    """
    return await _ask(session, "POST", "/calls", wanted)


async def follow(session: aiohttp.ClientSession, state: CallState) -> AsyncIterator[CallState]:
    """Yield `state` of a call and each new one, until the call has ended.

    Raises:
        DialRefused: the server no longer knows the call.
        aiohttp.ClientError: the server is gone.
    """
    yield state
    while state["status"] != "ended":
        await asyncio.sleep(_ASK_S)  # the server sends no news by itself: we have to ask
        now = await _ask(session, "GET", f"/calls/{state['call_id']}")
        if now != state:
            yield now
        state = now


async def _ask(
    session: aiohttp.ClientSession, method: str, path: str, body: Mapping[str, object] | None = None
) -> CallState:
    async with session.request(method, path, json=body) as response:
        text = await response.text()
        if response.content_type != "application/json":
            raise DialRefused(f"{response.status}: {text.strip()[:200]}")
        told: dict[str, object] = await response.json()
        if response.status >= 400:
            raise DialRefused(str(told.get("error", told)))
        return told
