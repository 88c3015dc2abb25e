"""What all calls share: a client for each server with its open connections, and which servers failed lately.

A client lives as long as the event loop that it works in, and is closed with it: calls come and go, and a new
connection costs each first sentence the time of a TLS handshake.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import cache
from ssl import SSLContext
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from bot import installing
from bot.openai.configuration import Endpoint

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_IDLE_S: Final = 55.0
"""An idle connection is kept so long. The client's own 5 s end between two turns of a caller; most proxies wait 60."""
_REST_S: Final = 30.0
"""A server that failed is asked last for so long: otherwise each turn would wait for its time-out first."""


class Clients:
    """Those of one event loop."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], AsyncOpenAI] = {}
        self._rests: dict[Endpoint, float] = {}  # until when, in the loop's time
        self._end = self._close_at_the_end()

    async def to(self, endpoint: Endpoint) -> "AsyncOpenAI":
        """Return the client that talks to `endpoint`. Not to be closed: it is everybody's."""
        if not self._clients:
            await anext(self._end)
        address = endpoint.url, endpoint.key
        if address not in self._clients:
            self._clients[address] = _connect(endpoint)
        return self._clients[address]

    def failed(self, endpoint: Endpoint) -> None:
        self._rests[endpoint] = asyncio.get_running_loop().time() + _REST_S

    def order(self, endpoints: tuple[Endpoint, ...]) -> list[Endpoint]:
        """Return `endpoints`, those that failed lately last."""
        now = asyncio.get_running_loop().time()
        return sorted(endpoints, key=lambda endpoint: self._rests.get(endpoint, now) > now)

    async def _close_at_the_end(self) -> AsyncGenerator[None, None]:
        """A loop that is shut down closes the generators that were begun in it: this is how we learn of it."""
        try:
            yield
        finally:
            for client in self._clients.values():
                await client.close()


_of_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Clients]] = WeakKeyDictionary()


def clients() -> Clients:
    """Return those of the running loop."""
    return _of_loop.setdefault(asyncio.get_running_loop(), Clients())


@cache
def warm() -> None:
    """Load what a first request would wait for: 1 s of imports, 0.1 s of certificates. Blocks; call it at start-up.

    Raises:
        RuntimeError: the openai package is not installed.
    """
    try:
        client = _connect(Endpoint("http://localhost", ""))
    except ImportError as error:
        raise RuntimeError(f"{error}; {installing.extra('openai')} brings it") from error
    client.chat.completions  # noqa: B018 - it is imported when first looked at


@cache
def _certificates() -> SSLContext:
    from httpx2 import create_ssl_context

    return create_ssl_context()


def _connect(endpoint: Endpoint) -> "AsyncOpenAI":
    from httpx2 import Limits
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    limits = Limits(max_keepalive_connections=100, keepalive_expiry=_IDLE_S)  # as many as there are calls
    http = DefaultAsyncHttpxClient(verify=_certificates(), limits=limits, timeout=None)
    # Neither retries nor time-outs of its own: they know nothing of what the caller has heard.
    return AsyncOpenAI(api_key=endpoint.key, base_url=endpoint.url, http_client=http, max_retries=0, timeout=None)
