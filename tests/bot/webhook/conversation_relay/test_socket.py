"""A connection to an application that breaks, with and without `applicationReconnect`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from waiting import until

from bot.webhook.configuration import Configuration
from bot.webhook.conversation_relay.socket import RelaySocket
from bot.webhook.fault import HookFailed

SETUP = '{"type":"setup"}'


class Application:
    """Takes connections, except where it is away, and keeps what came over each."""

    def __init__(self) -> None:
        self.away = False
        self.refused = 0
        self.heard: list[list[str]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.changed = asyncio.Event()
        self._requests: list[web.Request] = []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            self.refused += 1
            self.changed.set()
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self._requests.append(request)
        self.heard.append(heard := [])
        async for message in socket:
            heard.append(message.data)
            self.changed.set()
        return socket

    def break_off(self) -> None:
        """Fall over, without a word."""
        transport = self._requests[-1].transport
        assert transport
        transport.abort()

    def greeted(self, count: int) -> bool:
        """So many sessions were begun, and nothing else came."""
        return self.heard == [[SETUP]] * count

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
async def application() -> Application:
    return Application()


@pytest.fixture
async def url(application: Application) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/", application.serve)
    async with TestServer(app) as server:
        yield f"ws://127.0.0.1:{server.port}/"


class Line:
    """A socket of a call, and what came of it."""

    def __init__(self, url: str, *, away_s: float = 20) -> None:
        self.taken: list[str | bytes] = []
        self.lost = asyncio.Event()
        self.socket = RelaySocket(Configuration(url=url), self._take, self.lost.set, away_s=away_s)

    async def _take(self, message: str | bytes) -> None:
        self.taken.append(message)


async def test_what_happens_while_the_application_is_away_comes_when_it_is_back(
    application: Application, url: str
) -> None:
    line = Line(url)
    await line.socket.open(url, SETUP, reconnects=True)
    await line.socket.send("before")
    await application.until(lambda: application.heard == [[SETUP, "before"]])
    application.away = True
    application.break_off()
    await application.until(lambda: application.refused > 0)
    assert line.socket.is_open, "nobody opens another beside it"
    for number in range(502):
        await line.socket.send(str(number))
    application.away = False
    await application.until(lambda: len(application.heard) == 2 and len(application.heard[1]) == 501)
    assert application.heard[1] == [SETUP, *map(str, range(2, 502))], "the newest 500, in order"
    await line.socket.send("after")
    await application.until(lambda: application.heard[1][-1] == "after")
    await application.sockets[1].send_str("hello")
    await until(lambda: line.taken)
    assert line.taken == ["hello"] and not line.lost.is_set()
    await line.socket.close()


async def test_an_application_that_breaks_twice_is_waited_for_twice(application: Application, url: str) -> None:
    line = Line(url)
    await line.socket.open(url, SETUP, reconnects=True)
    for count in (1, 2, 3):
        await application.until(partial(application.greeted, count))
        application.break_off()
    await application.until(partial(application.greeted, 4))
    await line.socket.close()


@pytest.mark.parametrize(("reconnects", "code"), [(True, 1000), (False, 1000), (False, 1012)])
async def test_who_closes_on_purpose_is_not_waited_for(
    application: Application, url: str, reconnects: bool, code: int
) -> None:
    line = Line(url)
    await line.socket.open(url, SETUP, reconnects=reconnects)
    await application.until(lambda: application.heard == [[SETUP]])
    await application.sockets[0].close(code=code)
    async with asyncio.timeout(20):
        await line.lost.wait()
    assert not line.socket.is_open and len(application.heard) == 1
    await line.socket.close()


async def test_who_stays_away_is_lost(application: Application, url: str) -> None:
    line = Line(url, away_s=0.3)
    await line.socket.open(url, SETUP, reconnects=True)
    await application.until(lambda: application.heard == [[SETUP]])
    application.away = True
    application.break_off()
    async with asyncio.timeout(20):
        await line.lost.wait()
    assert not line.socket.is_open and application.refused
    await line.socket.close()


async def test_a_call_that_ends_meanwhile_waits_for_nobody(application: Application, url: str) -> None:
    line = Line(url)
    await line.socket.open(url, SETUP, reconnects=True)
    await application.until(lambda: application.heard == [[SETUP]])
    application.away = True
    application.break_off()
    await application.until(lambda: application.refused > 0)
    await line.socket.close()
    assert not line.socket.is_open and not line.lost.is_set()


async def test_one_that_was_never_there_is_told_at_once(application: Application, url: str) -> None:
    application.away = True
    with pytest.raises(HookFailed, match="503"):
        await Line(url).socket.open(url, SETUP, reconnects=True)
