"""The WebSocket to an application, as long as a call. The only part of a relay that knows the network."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from yarl import URL

from bot.tracing import server_of, span
from bot.webhook.client import session
from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay.signature import upgrade_signature
from bot.webhook.fault import HookFailed

log = logging.getLogger(__name__)

_PING_S: Final = 20.0


class RelaySocket:
    """One call's connection; it can be opened again where it was lost."""

    def __init__(
        self,
        configuration: Configuration,
        take: Callable[[str | bytes], Awaitable[None]],
        on_lost: Callable[[], None],
    ) -> None:
        """`take` gets each message in order; `on_lost` is called when the application closes, or the connection
        breaks."""
        self._configuration, self._take, self._on_lost = configuration, take, on_lost
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._socket is not None and not self._socket.closed

    async def open(self, url: str, first: str) -> None:
        """Connect to `url` and send `first`.

        Raises:
            HookFailed: the application cannot be reached.
        """
        how = self._configuration
        headers = {"X-Twilio-Signature": upgrade_signature(how.secret, url)} if how.secret else {}
        try:
            with span("GET", {"http.request.method": "GET", **server_of(url)}) as opening:
                async with asyncio.timeout(how.wait_s):
                    http = await session()
                    self._socket = await http.ws_connect(
                        URL(url, encoded=True),
                        headers={**headers, **opening.headers},
                        heartbeat=_PING_S,
                        max_msg_size=how.max_bytes,
                    )
                    await self._socket.send_str(first)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: no URL
            raise HookFailed(f"the application cannot be reached: {error!r}") from None
        self._reader = asyncio.create_task(self._read(self._socket))

    async def send(self, message: str) -> None:
        """Send, as far as there is somebody to send to; who waits for an answer hears that there is none."""
        try:
            if self._socket and not self._socket.closed:
                await self._socket.send_str(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            log.warning("the application was not told: %r", error)

    async def close(self) -> None:
        """Close it; nothing is taken any more."""
        if self._reader:
            self._reader.cancel()
        if self._socket:
            await self._socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                break
            await self._take(message.data)
        if socket is self._socket:  # it has no follower yet
            self._on_lost()
