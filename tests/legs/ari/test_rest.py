"""What Asterisk's REST interface answers, and worse."""

import asyncio
import json
from collections.abc import Mapping

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bridge.legs.ari.rest import Ari, AriRefused, NotThere


async def asked(status: int, body: bytes) -> Mapping[str, object]:
    """Return what `ask` makes of an answer."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    async with TestServer(app) as server, ClientSession() as session:
        ari = Ari(session, url=str(server.make_url("/ari")), user="u", password="p", timeout_s=5)
        return await ari.ask("GET", "channels", "a/b")


BROKEN = [b"no JSON", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 40_000]


@pytest.mark.parametrize("body", BROKEN)
async def test_an_answer_that_is_no_object_is_an_error(body: bytes) -> None:
    with pytest.raises(AriRefused, match="asked for GET /channels/a/b, answered with no JSON"):
        await asked(200, body)


@pytest.mark.parametrize("status", [200, 204])
async def test_an_answer_without_a_body_is_empty(status: int) -> None:
    assert await asked(status, b"") == {}


async def raw_answer(*pieces: bytes) -> Mapping[str, object]:
    """Return what `ask` makes of these bytes, sent one by one; the connection ends behind them."""

    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            for _ in range(10):  # the other side runs on the same loop, and reads it by itself
                await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, ClientSession() as session:
        ari = Ari(session, url=f"http://127.0.0.1:{port}/ari", user="u", password="p", timeout_s=5)
        try:
            return await ari.ask("GET", "applications", "bridge")
        finally:
            await over.wait()


BODY = b'{"name": "bridge", "channel_ids": ["1.1", "1.2"]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(BODY)
    assert await raw_answer(HEAD + length + BODY[:9], BODY[9:20], BODY[20:]) == json.loads(BODY)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 500\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n31\r\n"], ids=["length", "chunked"]
)
async def test_an_answer_that_is_cut_off_is_an_error(framing: bytes) -> None:
    with pytest.raises(AriRefused, match="broke off its answer"):
        await raw_answer(HEAD + framing + BODY[:9], BODY[9:20])


async def test_an_answer_that_is_cut_off_without_any_sign_is_an_error_too() -> None:
    with pytest.raises(AriRefused, match="no JSON"):
        await raw_answer(HEAD + b"Connection: close\r\n\r\n" + BODY[:20])


async def test_an_answer_without_end_is_an_error() -> None:
    with pytest.raises(AriRefused, match="more than 262144 bytes"):
        await asked(200, b" " * 300_000)


@pytest.mark.parametrize("body", [b"", *BROKEN])
async def test_a_refusal_that_is_no_object_is_one_all_the_same(body: bytes) -> None:
    with pytest.raises(AriRefused, match=r"Asterisk says 500 to GET /channels/a/b: ") as refused:
        await asked(500, body)
    assert len(str(refused.value)) < 300


async def test_a_refusal_says_what_asterisk_says() -> None:
    with pytest.raises(NotThere, match="Channel not found"):
        await asked(404, b'{"message": "Channel not found"}')
