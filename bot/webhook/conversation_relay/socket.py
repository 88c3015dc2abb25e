"""The WebSocket to an application, as long as a call. The only part of a relay that knows the network."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
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
_MOST_WAITING: Final = 500
"""Messages that wait for an application that is away. Twilio's figure (changelog of 28 October 2026)."""
_AWAY_S: Final = 60.0
"""So long it may be away: a container that is replaced takes less. Twilio's documents name no limit."""
_PAUSES_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Before each further try to reach it; the last one again and again."""
_CLOSED_ON_PURPOSE: Final = 1000


class RelaySocket:
    """One call's connection; it can be opened again where it was lost."""

    def __init__(
        self,
        configuration: Configuration,
        take: Callable[[str | bytes], Awaitable[None]],
        on_lost: Callable[[], None],
        *,
        away_s: float = _AWAY_S,
    ) -> None:
        """`take` gets each message in order; `on_lost` is called when the application closes, or the connection
        breaks; where it `reconnects`, only when it closed on purpose or was away for `away_s`."""
        self._configuration, self._take, self._on_lost = configuration, take, on_lost
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._url, self._first, self._reconnects, self._away_s = "", "", False, away_s
        self._away, self._waiting, self._dropped = False, deque[str](maxlen=_MOST_WAITING), 0

    @property
    def is_open(self) -> bool:
        """True also while an application that is away is waited for."""
        return self._away or (self._socket is not None and not self._socket.closed)

    async def open(self, url: str, first: str, *, reconnects: bool = False) -> None:
        """Connect to `url` and send `first`. `reconnects`: where the connection breaks, connect again, send `first`
        again and then what was to be sent meanwhile.

        Raises:
            HookFailed: the application cannot be reached.
        """
        self._url, self._first, self._reconnects = url, first, reconnects
        self._socket = await self._connect()
        self._reader = asyncio.create_task(self._read(self._socket))

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        url = self._url
        how = self._configuration
        headers = {"X-Twilio-Signature": upgrade_signature(how.secret, url)} if how.secret else {}
        try:
            with span("GET", {"http.request.method": "GET", **server_of(url)}) as opening:
                async with asyncio.timeout(how.wait_s):
                    http = await session()
                    socket = await http.ws_connect(
                        URL(url, encoded=True),
                        headers={**headers, **opening.headers},
                        heartbeat=_PING_S,
                        max_msg_size=how.max_bytes,
                    )
                    await socket.send_str(self._first)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:  # ValueError: no URL
            raise HookFailed(f"the application cannot be reached: {error!r}") from None
        return socket

    async def send(self, message: str) -> None:
        """Send, as far as there is somebody to send to; who waits for an answer hears that there is none."""
        if self._away:
            self._dropped += len(self._waiting) == _MOST_WAITING
            self._waiting.append(message)
            return
        try:
            if self._socket and not self._socket.closed:
                await self._socket.send_str(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            log.warning("the application was not told: %r", error)

    async def close(self) -> None:
        """Close it; nothing is taken any more."""
        self._away = False
        if self._reader:
            self._reader.cancel()
        if self._socket:
            await self._socket.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            async for message in socket:
                if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                    break
                await self._take(message.data)
            if socket is not self._socket:  # it has a follower
                return
            if not self._reconnects or socket.close_code == _CLOSED_ON_PURPOSE or not await self._wait_for_return():
                self._on_lost()
                return
            socket = self._socket

    async def _wait_for_return(self) -> bool:
        """Connect again and send what was to be sent meanwhile; return False where the application stays away."""
        log.warning("the connection to the application broke: up to %d messages wait for it", _MOST_WAITING)
        self._away, self._dropped = True, 0
        try:
            async with asyncio.timeout(self._away_s):
                for pause_s in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
                    await asyncio.sleep(pause_s)
                    if await self._came_back():
                        return True
        except TimeoutError:
            log.warning("the application was away for %g s: %d messages are lost", self._away_s, len(self._waiting))
        finally:
            self._away = False
            self._waiting.clear()
        return False

    async def _came_back(self) -> bool:
        try:
            socket = await self._connect()
        except HookFailed as error:
            log.info("the application is still away: %s", error)
            return False
        self._socket = socket
        try:
            while self._waiting:
                await socket.send_str(self._waiting[0])
                self._waiting.popleft()
        except (aiohttp.ClientError, ConnectionError) as error:
            log.info("the application went away again: %r", error)
            await socket.close()
            return False
        log.info("the application is back; %d of the oldest messages had no room", self._dropped)
        return True
