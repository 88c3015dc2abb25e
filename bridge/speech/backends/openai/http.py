"""One HTTP server as it is talked to: connections kept, waits bounded, and every fault one of the engine's errors."""

import asyncio
import io
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp

from bridge.speech.api import DeadlineExceeded, EngineFailed, EngineLost
from bridge.speech.remote.connections import CONNECT_S, KeptConnections, bounded
from bridge.speech.remote.refusals import one_line, refusal

T = TypeVar("T")

_IDLE_S: Final = 4.0
"""Seconds an idle connection is kept; vLLM's server closes it after 5, and a decode sent just then would be lost."""
_LARGEST_ANSWER: Final = 1 << 20
"""Bytes; 1024 tokens with their probabilities are 100 kB."""


class Server:
    """A client of one server. Its connections belong to the loop that runs when it is first used."""

    def __init__(self, url: str, key: str | None = None, *, ip: str = "") -> None:
        """Take the base URL, with or without /v1 at its end, and the bearer token. `ip`: the one of its addresses that
        is meant, "" for any."""
        self.url = url.rstrip("/").removesuffix("/v1")
        self.ip = ip
        host = urlsplit(self.url).netloc
        self.address = f"{host}@{ip}" if ip else host
        self._at = f" at {ip}" if ip else ""
        self._key = key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._connections = KeptConnections(self.url, headers=headers, idle_s=_IDLE_S, address=ip)

    async def get(self, path: str, *, timeout_s: float) -> bytes:
        """Return what is at `path`; raises as `post` does."""
        return await self._ask("GET", path, timeout_s=timeout_s)

    async def post(self, path: str, body: bytes, content_type: str, *, timeout_s: float) -> bytes:
        """Send `body` and return the body of the answer. Cancelling closes the connection.

        Raises:
            BadRequest: the server does not take it. Overloaded: not now. EngineLost: it is gone, or failed inside.
            DeadlineExceeded: no answer within `timeout_s`. NoSuchPath: it has nothing there. EngineFailed: it answers
            what no such server should. The text of each names the URL with its path.
        """
        return await self._ask("POST", path, body, content_type, timeout_s=timeout_s)

    def read(self, path: str, content: bytes, reader: Callable[[bytes], T]) -> T:
        """Return what `reader` makes of an answer from `path`; an EngineFailed of its names the server and the path."""
        try:
            return reader(content)
        except EngineFailed as error:
            raise EngineFailed(f"{self.url}{path} {error}") from error

    def close(self) -> None:
        """Close the connections, which fails what waits for an answer; from any thread."""
        self._connections.close()

    async def _ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = "", *, timeout_s: float
    ) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    return await self._attempt(method, path, body, content_type)
                except aiohttp.ClientConnectorError:
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    # It closed an idle connection at the moment we used it. A decode may be asked for twice.
                    return await self._attempt(method, path, body, content_type)
        except aiohttp.ConnectionTimeoutError as error:
            raise EngineLost(f"{self.url}{path}{self._at}: cannot be reached within {CONNECT_S:g} s") from error
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self.url}{path}{self._at}: no answer within {timeout_s:.1f} s") from error
        except aiohttp.InvalidURL as error:
            raise EngineFailed(f"{self.url} is no URL") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            if self._connections.closed:
                raise EngineFailed(f"{self.url}: closed") from error
            raise EngineLost(f"{self.url}{path}{self._at}: {one_line(error)}") from error
        except aiohttp.ClientError as error:  # what came is no HTTP
            raise EngineFailed(f"{self.url}{path}: {one_line(error)}") from error

    async def _attempt(self, method: str, path: str, body: bytes, content_type: str) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        session = await self._connections.session()
        data = io.BytesIO(body) if body else None  # bytes would be written in one go, and a loop waits for a megabyte
        # A redirect would carry the key to wherever it points.
        async with session.request(
            method, self.url + path, data=data, headers=headers, allow_redirects=False
        ) as response:
            content = await bounded(response, _LARGEST_ANSWER)
            if response.status == HTTPStatus.OK:
                if content is None:
                    raise EngineFailed(f"{self.url}{path}: the answer is longer than {_LARGEST_ANSWER} bytes")
                return content
            where = f"{self.url}{path}{self._at}"
            answered = response.status, response.headers, content or b""
            raise refusal(where, *answered, key=self._key, option="asr_api_key")
