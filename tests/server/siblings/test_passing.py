"""A connection goes to another worker as it is, with the request that was read of it; over TLS it is copied there."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from waiting import until

from bridge.admission.refusals import Refusals
from bridge.metrics import Metrics
from bridge.server.access.connections import Connections
from bridge.server.access.listener import Listener, bind
from bridge.server.app_keys import CONNECTIONS
from bridge.server.siblings.passing import Taker, give
from bridge.server.tls import self_signed

NAME = web.AppKey("name", str)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Pair:
    """A worker whose port is asked, and another to which it gives all."""

    url: str
    port: int
    path: Path
    tls: ssl.SSLContext | None
    giving: Connections
    taking: Connections
    given: list[bool]


async def tell(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade"):
        talk = web.WebSocketResponse()
        await talk.prepare(request)
        async for message in talk:
            await talk.send_bytes(message.data * 2)
        return talk
    told = {"by": request.app[NAME], "body": await request.text(), "from": request.remote, "secure": request.secure}
    return web.json_response({**told, "path": request.path_qs, "x": request.headers.getall("X-Twice", [])})


async def app_of(stack: AsyncExitStack, name: str, *before: Handler) -> tuple[web.AppRunner, Connections]:
    app = web.Application()
    app[NAME] = name
    refusals = Refusals(Metrics().kept_out)
    app[CONNECTIONS] = connections = Connections(refusals, limit=20, per_address=20)
    app.add_routes([web.route("*", "/{path:.*}", before[0] if before else tell)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner, connections


@asynccontextmanager
async def pair(tmp_path: Path, *, tls: bool = False) -> AsyncIterator[Pair]:
    path, given = tmp_path / "2.pass", list[bool]()

    async def give_all(request: web.Request) -> web.StreamResponse:
        given.append(await give(request, path))
        return web.Response(text="lost") if given[-1] else await tell(request)

    async with AsyncExitStack() as stack:
        first, giving = await app_of(stack, "first", give_all)
        second, taking = await app_of(stack, "second")
        assert first.server and second.server
        await stack.enter_async_context(Taker(path, taking, second.server))
        server_tls, client_tls = contexts(tmp_path) if tls else (None, None)
        sockets = await bind("127.0.0.1", 0)
        await stack.enter_async_context(Listener(sockets, first.server, giving, tls=server_tls))
        port = sockets[0].getsockname()[1]
        url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
        yield Pair(url, port, path, client_tls, giving, taking, given)


def trusting(tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls or True))


def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    file = tmp_path / "certificate.pem"
    file.write_bytes(self_signed())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cafile=str(file))
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return server, client


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_a_request_is_answered_by_the_other_as_if_it_had_come_there(tmp_path: Path, tls: bool) -> None:
    async with pair(tmp_path, tls=tls) as both, trusting(both.tls) as session:
        for _ in range(3):
            headers = [("X-Twice", "a"), ("X-Twice", "ü")]
            async with session.post(f"{both.url}/calls?x=1%20", data="hello " * 2000, headers=headers) as answer:
                told = await answer.json()
            assert (told["by"], told["body"], told["path"]) == ("second", "hello " * 2000, "/calls?x=1%20")
            assert (told["from"], told["secure"], told["x"]) == ("127.0.0.1", tls, ["a", "ü"])
        assert both.given == [True], "the connection stays with who took it"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_a_call_goes_on_with_the_other(tmp_path: Path, tls: bool) -> None:
    async with pair(tmp_path, tls=tls) as both, trusting(both.tls) as session:
        async with session.ws_connect(f"{both.url}/twilio/stream") as call:
            for size in 1, 160, 500_000:
                await call.send_bytes(b"x" * size)
                assert len(await call.receive_bytes(timeout=5)) == 2 * size
        assert call.close_code == 1000 and both.given == [True]


async def test_who_sends_its_body_in_pieces_is_understood(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in b"hel", b"lo":
            yield piece
            await asyncio.sleep(0)

    async with (
        pair(tmp_path) as both,
        aiohttp.ClientSession() as session,
        session.post(both.url, data=pieces()) as answer,
    ):
        assert (await answer.json())["body"] == "hello" and both.given == [True]


async def test_where_nobody_takes_it_the_request_is_answered_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.server.siblings.passing._LIMIT_S", 0.1)
    async with pair(tmp_path) as both, aiohttp.ClientSession() as session:
        both.path.unlink()
        async with session.post(both.url, data="hello") as answer:
            told = await answer.json()
        assert (told["by"], told["body"]) == ("first", "hello")
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(str(both.path))
            deaf.listen()
            async with session.post(both.url, data="hello") as answer:
                assert (await answer.json())["by"] == "first"
        assert both.given == [False, False]


@pytest.mark.parametrize("garbage", [b"", b"{}", b"x\n", b'{"address": "", "secure": false, "bytes": 9999999999}\n'])
async def test_who_gives_no_connection_is_hung_up_on(tmp_path: Path, garbage: bytes) -> None:
    async with pair(tmp_path) as both, aiohttp.ClientSession() as session:
        reader, writer = await asyncio.open_unix_connection(both.path)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        async with session.get(both.url) as answer:
            assert (await answer.json())["by"] == "second"


async def test_a_connection_is_counted_where_it_is(tmp_path: Path) -> None:
    async with pair(tmp_path) as both, aiohttp.ClientSession() as session:
        async with session.ws_connect(both.url):
            assert len(both.taking._guards) == 1 and not both.giving._guards
        await until(lambda: not both.taking._guards)
        assert not both.taking.unasked and not both.giving.unasked
