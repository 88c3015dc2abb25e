"""One HTTP server as it is talked to: connections kept, waits bounded, and every fault one of the engine's errors."""

import asyncio
import io
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp

from bridge.speech.api import BadRequest, DeadlineExceeded, EngineFailed, EngineLost, Overloaded, SpeechError
from bridge.speech.backends.openai.messages import complaint

T = TypeVar("T")

_CONNECT_S: Final = 2.0
"""Seconds until a machine that does not answer at all counts as gone."""
_IDLE_S: Final = 4.0
"""Seconds an idle connection is kept; vLLM's server closes it after 5, and a decode sent just then would be lost."""
_CONNECTIONS: Final = 256
"""At once: more decodes than this wait here, and none has a use for them."""
_LARGEST_ANSWER: Final = 1 << 20
"""Bytes; 1024 tokens with their probabilities are 100 kB."""


class NoSuchPath(EngineFailed):
    """The server has nothing there."""


class Server:
    """A client of one server. Its connections belong to the loop that runs when it is first used."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """Take the base URL, with or without /v1 at its end, and the bearer token."""
        self.url = url.rstrip("/").removesuffix("/v1")
        self.address = urlsplit(self.url).netloc
        self._key = key
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: AsyncGenerator[aiohttp.ClientSession, None] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

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
        self._closed = True
        loop, connections, self._session = self._loop, self._connections, None
        if not loop or not connections or not loop.is_running():
            return  # a loop that ends closes them
        if _runs_here(loop):
            self._closing = loop.create_task(connections.aclose())
        else:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(connections.aclose(), loop).result(_CONNECT_S)

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
            raise EngineLost(f"{self.url}{path}: cannot be reached within {_CONNECT_S:g} s") from error
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self.url}{path}: no answer within {timeout_s:.1f} s") from error
        except aiohttp.InvalidURL as error:
            raise EngineFailed(f"{self.url} is no URL") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            if self._closed:
                raise EngineFailed(f"{self.url}: closed") from error
            raise EngineLost(f"{self.url}{path}: {_one_line(error)}") from error
        except aiohttp.ClientError as error:  # what came is no HTTP
            raise EngineFailed(f"{self.url}{path}: {_one_line(error)}") from error

    async def _attempt(self, method: str, path: str, body: bytes, content_type: str) -> bytes:
        headers = {"Content-Type": content_type} if content_type else {}
        session = await self._open()
        data = io.BytesIO(body) if body else None  # bytes would be written in one go, and a loop waits for a megabyte
        # A redirect would carry the key to wherever it points.
        async with session.request(
            method, self.url + path, data=data, headers=headers, allow_redirects=False
        ) as response:
            content = await _bounded(response)
            if response.status == HTTPStatus.OK:
                if content is None:
                    raise EngineFailed(f"{self.url}{path}: the answer is longer than {_LARGEST_ANSWER} bytes")
                return content
            raise self._refusal(path, response.status, response.headers, content or b"")

    def _refusal(self, path: str, status: int, headers: Mapping[str, str], content: bytes) -> SpeechError:
        said = complaint(content)
        if self._key:  # some servers quote it
            said = said.replace(self._key, "***")
        where = f"{self.url}{path}"
        what = f"{where}: {status} {said}".rstrip()
        match status:
            case 401 | 403:
                given = "is refused" if self._key else "is not set"
                return EngineFailed(f"{where}: {status}: asr_api_key {given}; set BRIDGE_ASR_API_KEY")
            case 400 | 413 | 422:
                return BadRequest(what)
            case 429 | 503:
                wait_s = retry_after_s(headers.get("Retry-After", ""), datetime.now(UTC))
                return Overloaded(what, retry_after_s=wait_s)
            case _ if 300 <= status < 400:
                to = headers.get("Location", "")[:200]
                return EngineFailed(f"{where}: {status} to {to!r}; redirects are not followed: give the last URL")
            case 404 | 405 | 501:
                return NoSuchPath(what)
            case _ if status >= 500:
                return EngineLost(what)
            case _:
                return EngineFailed(what)

    async def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._closed:
            raise EngineFailed(f"{self.url}: closed")
        if self._session is None or self._loop is not loop:
            # Held by a generator: a loop ends those that are left, so the connections never outlive it.
            self._connections, self._loop = _sessions(self._key), loop
            self._session = await anext(self._connections)
        return self._session


async def _sessions(key: str | None) -> AsyncGenerator[aiohttp.ClientSession, None]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_S),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        cookie_jar=aiohttp.DummyCookieJar(),  # a decode owes nothing to the one before
    ) as session:
        yield session


async def _bounded(response: aiohttp.ClientResponse) -> bytes | None:
    """Return the body, None where it is too long."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _LARGEST_ANSWER:
            response.close()
            return None
    return bytes(content)


def retry_after_s(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, given as such or as a date; None if it says none."""
    if (seconds := value.strip()).isdecimal() and seconds.isascii():
        return float(seconds) if len(seconds) < 10 else None
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
