"""One request to a hook, and its answer as it comes. The only part that knows HTTP."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from types import SimpleNamespace
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import aiohttp

from bot.tracing import Span, server_of, span
from bot.webhook.addresses import PublicResolver
from bot.webhook.configuration import Configuration
from bot.webhook.fault import HookFailed
from bot.webhook.replies import Item, Reader
from bot.webhook.requests import signature

log = logging.getLogger(__name__)

T = TypeVar("T")

_IDLE_S: Final = 55.0
"""An idle connection is kept so long: a new one costs each first sentence a TLS handshake. Most proxies wait 60 s."""


class _Session:
    """The connections of one event loop, closed with it: calls come and go."""

    def __init__(self, *, public: bool = False) -> None:
        """`public`: only to hosts of the open internet."""
        self._public = public
        self._session: aiohttp.ClientSession | None = None
        self._end = self._close_at_the_end()

    async def get(self) -> aiohttp.ClientSession:
        if self._session is None:
            await anext(self._end)
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(_note_reuse)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    keepalive_timeout=_IDLE_S,
                    resolver=PublicResolver() if self._public else None,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[trace],
            )
        return self._session

    async def _close_at_the_end(self) -> AsyncGenerator[None, None]:
        """A loop that is shut down closes the generators that were begun in it: this is how we learn of it."""
        try:
            yield
        finally:
            if self._session:
                await self._session.close()


_of_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Session]] = WeakKeyDictionary()


_public_of_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Session]] = WeakKeyDictionary()


async def session() -> aiohttp.ClientSession:
    """Return that of the running loop. Not to be closed: it is everybody's."""
    return await _of_loop.setdefault(asyncio.get_running_loop(), _Session()).get()


async def public_session() -> aiohttp.ClientSession:
    """Return that of the running loop which reaches the open internet only. An address written in figures is not
    resolved, and so not judged: see `is_public`."""
    return await _public_of_loop.setdefault(asyncio.get_running_loop(), _Session(public=True)).get()


async def _note_reuse(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: aiohttp.TraceConnectionReuseconnParams
) -> None:
    if isinstance(reused := context.trace_request_ctx, list):
        reused.append(True)


class Client:
    """Asks one hook, for all calls."""

    def __init__(self, configuration: Configuration, *, clock_s: Callable[[], float] = time.time) -> None:
        self._configuration, self._clock_s = configuration, clock_s

    async def ask(self, request_id: str, body: bytes) -> AsyncGenerator[Item, None]:
        """Yield what the hook answers as it comes; closing this closes the connection.

        Raises:
            HookFailed: no answer in time, or none that is understood.
        """
        with span("POST", {"http.request.method": "POST", **server_of(self._configuration.url)}) as asking:
            async with aclosing(self._answer(request_id, body, asking)) as items:
                async for item in items:
                    yield item

    async def _answer(self, request_id: str, body: bytes, asking: Span) -> AsyncGenerator[Item, None]:
        patience = _Patience(self._configuration.wait_s, self._configuration.total_s)
        size = 0
        async with AsyncExitStack() as stack:
            response = await self._open(request_id, body, patience, stack, asking)
            asking.set("http.response.status_code", response.status)
            if response.status == 204:
                return
            reader = Reader(response.headers.get("Content-Type", ""))
            while data := await patience.wait(response.content.readany()):
                size += len(data)
                if size > self._configuration.max_bytes:
                    raise HookFailed(f"the hook's answer is longer than {self._configuration.max_bytes} bytes")
                for item in reader.feed(data):
                    yield item
            for item in reader.end():
                yield item

    async def _open(
        self, request_id: str, body: bytes, patience: "_Patience", stack: AsyncExitStack, asking: Span
    ) -> aiohttp.ClientResponse:
        for may_repeat in (True, False):
            reused: list[bool] = []
            try:
                response = await patience.wait(self._post(request_id, body, reused, asking))
            except _Lost as lost:
                # Where no connection was made, or an idle one had been closed meanwhile, nobody has read the request.
                if not may_repeat or not (lost.unheard or reused):
                    raise
                log.info("asking the hook again: %s", lost)
                continue
            stack.callback(response.close)
            if response.status not in {200, 204}:
                raise HookFailed(f"the hook answers with status {response.status}; a redirect is not followed")
            return response
        raise AssertionError("the loop ends by returning or raising")

    async def _post(self, request_id: str, body: bytes, reused: list[bool], asking: Span) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Idempotency-Key": request_id, "User-Agent": "voice-bridge"}
        headers |= asking.headers
        if self._configuration.secret:
            timestamp = str(int(self._clock_s()))
            headers["X-Bridge-Timestamp"] = timestamp
            headers["X-Bridge-Signature"] = signature(self._configuration.secret, timestamp, body)
        http = await session()
        return await http.post(
            self._configuration.url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=reused
        )


class _Lost(HookFailed):
    """The connection broke, or there was none."""

    def __init__(self, text: str, *, unheard: bool) -> None:
        super().__init__(text)
        self.unheard = unheard


class _Patience:
    """How long one answer may be waited for. Counts waiting only: what is being spoken meanwhile costs nothing."""

    def __init__(self, wait_s: float, total_s: float) -> None:
        self._wait_s, self._left_s = wait_s, total_s

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Raises:
        HookFailed: it took too long, or the connection broke.
        """
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        limit = asyncio.timeout(max(0.0, min(self._wait_s, self._left_s)))
        try:
            async with limit:
                return await awaitable
        except TimeoutError:
            raise HookFailed("the hook did not answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise _Lost(f"the hook cannot be reached: {error}", unheard=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Lost(f"the connection to the hook broke: {error!r}", unheard=False) from None
        finally:
            self._left_s -= now_s() - begun_s
