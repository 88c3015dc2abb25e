"""What Asterisk's REST interface answers, and worse."""

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


BROKEN = [b"", b"no JSON", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 40_000]


@pytest.mark.parametrize("body", BROKEN)
async def test_an_answer_that_is_no_object_is_empty(body: bytes) -> None:
    assert await asked(200, body) == {}


@pytest.mark.parametrize("body", BROKEN)
async def test_a_refusal_that_is_no_object_is_one_all_the_same(body: bytes) -> None:
    with pytest.raises(AriRefused, match=r"Asterisk says 500 to GET /channels/a/b: ") as refused:
        await asked(500, body)
    assert len(str(refused.value)) < 300


async def test_a_refusal_says_what_asterisk_says() -> None:
    with pytest.raises(NotThere, match="Channel not found"):
        await asked(404, b'{"message": "Channel not found"}')
