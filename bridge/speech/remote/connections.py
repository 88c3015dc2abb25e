"""KeptConnections to one HTTP server: kept between requests, and closed with the loop that they belong to."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Final

import aiohttp

from bridge.speech.api import EngineFailed
from bridge.speech.remote.addresses import OneAddress

CONNECT_S: Final = 2.0
"""Seconds until a machine that does not answer at all counts as gone."""

_CONNECTIONS: Final = 256
"""At once: more requests than this wait here, and none has a use for them."""


class KeptConnections:
    """A client session that belongs to the loop that runs when it is first used, and to the next one anew."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        idle_s: float,
        read_ahead_bytes: int = 1 << 16,
        address: str = "",
    ) -> None:
        """`url` names the server in errors; `headers` are sent with every request. `idle_s`: seconds an idle connection
        is kept. `read_ahead_bytes`: so much of an answer is taken off the line before anybody asks for it. `address`:
        the only one of the name in `url` that is connected to, "" for any."""
        self._url, self._headers, self._address = url, dict(headers), address
        self._idle_s, self._read_ahead_bytes = idle_s, read_ahead_bytes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: AsyncGenerator[aiohttp.ClientSession, None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._closing: asyncio.Task[None] | None = None
        self.closed = False

    async def session(self) -> aiohttp.ClientSession:
        """Return the session.

        Raises:
            EngineFailed: it is closed.
        """
        loop = asyncio.get_running_loop()
        if self.closed:
            raise EngineFailed(f"{self._url}: closed")
        if self._session is None or self._loop is not loop:
            # Held by a generator: a loop ends those that are left, so the connections never outlive it.
            self._sessions, self._loop = self._open(), loop
            self._session = await anext(self._sessions)
        return self._session

    def close(self) -> None:
        """Close the connections, which fails what waits for an answer; from any thread."""
        self.closed = True
        loop, sessions, self._session = self._loop, self._sessions, None
        if not loop or not sessions or not loop.is_running():
            return  # a loop that ends closes them
        if _runs_here(loop):
            self._closing = loop.create_task(sessions.aclose())
        else:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(sessions.aclose(), loop).result(CONNECT_S)

    async def _open(self) -> AsyncGenerator[aiohttp.ClientSession, None]:
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_CONNECTIONS,
                keepalive_timeout=self._idle_s,
                resolver=OneAddress(self._address) if self._address else None,
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),  # a request owes nothing to the one before
            read_bufsize=self._read_ahead_bytes,
        ) as session:
            yield session


async def bounded(response: aiohttp.ClientResponse, most_bytes: int) -> bytes | None:
    """Return the body, None where it is longer than `most_bytes`: then the connection is closed."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > most_bytes:
            response.close()
            return None
    return bytes(content)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
