"""Listening in over HTTP: who may, what they hear, and what the call's record says of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client, FakeLeg
from pydantic import SecretStr

from bridge.monitoring.watched_calls import WatchedCall, WatchedLeg
from bridge.records.entries import Entry, EntryKind
from bridge.records.journal import Journal
from bridge.server.app import make_app
from bridge.server.app_keys import LEVELS, WATCHED_CALLS
from bridge.settings import Settings
from telephony.codec import decode
from telephony.events import AudioFormat, Encoding, Media, Play

LOUD = b"\0\x40" * 1600
BEARER = {"Authorization": "Bearer sesame"}


class Line:
    """A call that is on."""

    def __init__(self) -> None:
        self.far, self.kept = FakeLeg(), list[Entry]()
        self.leg = WatchedLeg(self.far, AudioFormat(Encoding.L16, 8000))
        self.journal = Journal(self._keep, new_name=lambda: "r1")
        self._noted = asyncio.Event()
        self.journal.started({"call_id": "CA1"})
        self.listed = ExitStack()

    def _keep(self, entry: Entry) -> None:
        self.kept.append(entry)
        self._noted.set()

    async def hear(self, payload: bytes) -> None:
        self.far.feed(Media(payload, 0))
        await anext(aiter(self.leg))

    @property
    def noted(self) -> list[str]:
        """What the record says of listeners."""
        return [entry.text for entry in self.kept if entry.kind is EntryKind.LISTENER]

    async def until_noted(self, *texts: str) -> None:
        async with asyncio.timeout(5):
            while self.noted != list(texts):
                self._noted.clear()
                await self._noted.wait()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest_asyncio.fixture
async def client(line: Line) -> AsyncIterator[Client]:
    app = make_app(Settings(api_token=SecretStr("sesame"), records="none"), RESOURCES)
    line.listed.enter_context(app[WATCHED_CALLS].listed(WatchedCall(line.leg, line.journal)))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_who_listens_hears_both_sides_and_the_record_says_so_first(client: Client, line: Line) -> None:
    async with client.ws_connect("/calls/r1/listen", headers=BEARER) as socket:
        await line.until_noted("began")
        await line.leg.send(Play(LOUD))
        await line.hear(LOUD)
        heard = decode((await socket.receive(5)).data, Encoding.L16)
        assert len(heard) == 1600
        assert np.abs(heard).max() == pytest.approx(1, abs=0.01)
    await line.until_noted("began", "ended")
    assert line.kept[1].data == {"peer": "127.0.0.1", "by": "api_token"}
    assert not line.leg._sound.is_watched


async def test_the_end_of_the_call_ends_it(client: Client, line: Line) -> None:
    async with client.ws_connect("/calls/r1/listen", headers=BEARER) as socket:
        await line.until_noted("began")
        line.journal.ended("caller hung up", fault="")
        line.listed.close()
        closed = await socket.receive(5)
        assert (closed.type, closed.data, closed.extra) == (aiohttp.WSMsgType.CLOSE, 1000, "the call is over")
    assert line.kept[-1].kind is EntryKind.ENDED, "which is the last of a record"


async def test_without_the_token_nobody_listens_and_nothing_is_noted(client: Client, line: Line) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect("/calls/r1/listen", headers=headers)
        assert refused.value.status == 401
    assert not line.noted


async def test_a_call_that_is_not_on_and_a_request_that_is_no_socket(client: Client, line: Line) -> None:
    async with client.get("/calls/r2/listen", headers=BEARER) as response:
        assert (response.status, await response.json()) == (404, {"error": "no such call is on now"})
    async with client.get("/calls/r1/listen", headers=BEARER) as response:
        assert response.status == 426
    assert not line.noted


async def test_a_call_has_three_listeners_at_most(client: Client, line: Line) -> None:
    sockets = [await client.ws_connect("/calls/r1/listen", headers=BEARER) for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/calls/r1/listen", headers=BEARER)
    assert refused.value.status == 503
    async with client.get("/calls/r1/listen", headers=BEARER) as response:
        assert (response.status, await response.json()) == (503, {"error": "3 listen to this call already"})
    await sockets[0].close()
    await line.until_noted("began", "began", "began", "ended")
    await (await client.ws_connect("/calls/r1/listen", headers=BEARER)).close()
    for socket in sockets[1:]:
        await socket.close()


async def test_the_levels_are_events(client: Client, line: Line) -> None:
    async with client.get("/events/levels") as response:
        assert response.status == 401
    async with client.get("/events/levels", headers=BEARER) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        async with asyncio.timeout(5):
            while (text := await response.content.readline()) in {b":\n", b"\n"}:
                pass
        assert text.startswith(b'data: {"record": "r1", "number": 0, "at": "')
        assert b'"kind": "level", "text": "", "data": {"caller_db": -90, "bot_db": -90}}' in text
        assert client.app is not None
        client.app[LEVELS].closed = True
        async with asyncio.timeout(5):
            await response.content.read()
