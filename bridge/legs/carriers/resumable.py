"""A socket whose conversation outlives it: another one may take its place, and the call does not notice."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

_SAID: Final = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})


class ResumableSocket(web.WebSocketResponse):
    """Looks like a socket to a leg, and is whichever socket the conversation has now."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        first: WSMessage,
        *,
        resumable: Callable[[], bool],
        wait_s: float,
    ) -> None:
        """`first`: what was read to learn whose it is. `resumable`: whether another may come after it, for `wait_s`."""
        super().__init__()
        self.left = asyncio.Event()
        """Set once nobody reads it any more."""
        self._now, self._transport, self._first = socket, transport, [first]
        self._resumable, self._wait_s = resumable, wait_s
        self._came = asyncio.Event()
        self._done = False

    def resume(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, first: WSMessage) -> None:
        """Go on over `socket`, whose first message was `first`; the one before is lost, if it was not yet."""
        self.abort()
        self._now, self._transport = socket, transport
        self._first.append(first)
        self._came.set()

    def abort(self) -> None:
        """Lose the socket of now."""
        if self._transport:
            self._transport.abort()

    async def receive(self, timeout: float | None = None) -> WSMessage:  # noqa: ASYNC109 - aiohttp's own signature
        """Return the next message of the conversation, or that its last socket is gone for good."""
        while True:
            if self._first:
                return self._first.pop(0)
            message = await self._now.receive(timeout)
            if message.type in _SAID or self._done or not self._resumable():
                return message
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._came.wait()
            except TimeoutError:
                return message
            self._came.clear()

    async def send_str(self, data: str, compress: int | None = None) -> None:
        """Send over the socket of now; without one it is lost, as on any bad line."""
        if not self._now.closed:
            with suppress(ConnectionError):
                await self._now.send_str(data, compress)

    async def send_bytes(self, data: bytes, compress: int | None = None) -> None:
        """Send over the socket of now; without one it is lost, as on any bad line."""
        if not self._now.closed:
            with suppress(ConnectionError):
                await self._now.send_bytes(data, compress)

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """Close for good."""
        self._done = True
        self._came.set()
        return await self._now.close(code=code, message=message, drain=drain)

    @property
    def closed(self) -> bool:
        """True once the conversation is over: a socket that is lost may have a successor."""
        return self._done
