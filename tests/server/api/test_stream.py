"""Server-sent events from a real server with a real database."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from waiting import answered

from bridge.records.call_log import CallLog
from bridge.records.entries import Entry, EntryKind
from bridge.records.journal import Journal
from bridge.server.api import stream
from bridge.server.app import make_app
from bridge.server.app_keys import CALL_LOG
from bridge.settings import Settings

FACTS = {"call_id": "CA1", "wire": "twilio", "caller": "+491701"}


@asynccontextmanager
async def bridge(folder: Path, **options: object) -> AsyncIterator[tuple[Client, CallLog]]:
    settings = Settings.model_validate({"state_dir": str(folder), "keep_text": "0", "keep_calls": "0", **options})
    async with TestClient(TestServer(make_app(settings, RESOURCES))) as client:
        assert client.app
        yield client, client.app[CALL_LOG]


def begun(log: CallLog) -> Journal:
    journal = log.open()
    journal.started(FACTS)
    return journal


async def written(log: CallLog, record: str, number: int) -> None:
    """Wait until the database has that entry."""
    from bridge.records import query

    database = log.database
    assert database
    await answered(lambda: query.entries(database, record, after=number - 1), bool)


class Reader:
    """Reads the events of one response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, Any]:
        """Return the next event: its fields by name, with `data` as JSON."""
        async with asyncio.timeout(5):
            while True:
                block = (await self._response.content.readuntil(b"\n\n")).decode()
                fields = dict(line.split(": ", 1) for line in block.splitlines() if line[:1] not in {"", ":"})
                if "data" in fields:
                    return {**fields, "data": json.loads(fields["data"])}

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())["event"] for _ in range(count)]

    async def over(self) -> bool:
        async with asyncio.timeout(5):
            return await self._response.content.read() == b""


@asynccontextmanager
async def following(client: Client, path: str, last: str = "") -> AsyncIterator[Reader]:
    async with client.get(path, headers={"Last-Event-ID": last} if last else {}) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield Reader(response)


@pytest.mark.parametrize("records", ["", "none"])
async def test_a_call_is_followed_from_its_begin_to_its_end(tmp_path: Path, records: str) -> None:
    async with bridge(tmp_path, records=records) as (client, log):
        journal = begun(log)
        journal.pressed("1")
        async with following(client, "/calls/CA1/events") as reader:
            first = await reader.next()
            assert (first["id"], first["event"]) == (f"{journal.record}:1", "started")
            assert first["data"]["record"] == journal.record
            assert (await reader.next())["data"]["text"] == "1"
            begun(log).pressed("9")
            journal.pressed("2")
            assert (await reader.next())["data"]["text"] == "2"
            journal.ended("bye", fault="")
            assert (await reader.next())["event"] == "ended"
            assert await reader.over()


async def test_who_comes_back_goes_on_behind_what_it_had_and_is_told_when_all_was_told(tmp_path: Path) -> None:
    async with bridge(tmp_path) as (client, log):
        journal = begun(log)
        for number in range(400):  # more than memory holds
            journal.pressed(str(number))
        await written(log, journal.record, 401)
        async with following(client, "/calls/CA1/events", f"{journal.record}:3") as reader:
            assert [(await reader.next())["data"]["number"] for _ in range(398)] == list(range(4, 402))
            journal.ended("bye", fault="")
            assert (await reader.next())["id"] == f"{journal.record}:402"
        await written(log, journal.record, 402)
        async with client.get("/calls/CA1/events", headers={"Last-Event-ID": f"{journal.record}:402"}) as response:
            assert response.status == 204
        async with client.get("/calls/nobody/events") as response:
            assert (response.status, "error" in await response.json()) == (404, True)


async def test_a_call_that_ended_before_the_server_began_is_told_from_the_database(tmp_path: Path) -> None:
    async with bridge(tmp_path) as (client, log):
        assert log.database
        await log.database.write(
            [Entry("r1", 1, 1.0, EntryKind.STARTED, "", FACTS), Entry("r1", 2, 2.0, EntryKind.ENDED, "bye")]
        )
        async with following(client, "/calls/r1/events") as reader:
            assert await reader.kinds(2) == ["started", "ended"]
            assert await reader.over()


async def test_all_calls_are_followed_and_nothing_is_missed_between_two_connections(tmp_path: Path) -> None:
    async with bridge(tmp_path) as (client, log):
        async with following(client, "/events") as reader:
            one, other = begun(log), begun(log)
            had = [await reader.next() for _ in range(2)]
        one.pressed("1")
        other.ended("bye", fault="")
        async with following(client, "/events", had[-1]["id"]) as reader:
            one.pressed("2")
            seen = {had[0]["id"], had[1]["id"]}
            async with asyncio.timeout(5):
                while len(seen) < 5:
                    seen.add((await reader.next())["id"])
            assert seen == {f"{one.record}:{number}" for number in (1, 2, 3)} | {f"{other.record}:{n}" for n in (1, 2)}
        async with following(client, "/events", f"{'f' * 32}:7") as reader:
            assert (await reader.next())["event"] == "gap"


@pytest.mark.parametrize("last", ["x", ":", "r1:", "r1:-1", "r1:²", "r1:99999999999", "../:1"])
async def test_an_id_that_is_none_is_no_id(tmp_path: Path, last: str) -> None:
    async with bridge(tmp_path) as (client, log):
        begun(log)
        async with following(client, "/calls/CA1/events", last) as reader:
            assert (await reader.next())["event"] == "started"


async def test_a_silent_stream_shows_that_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_KEEP_ALIVE_S", 0.05)
    async with bridge(tmp_path) as (client, _), client.get("/events") as response:
        async with asyncio.timeout(5):
            await response.content.readuntil(b": still here\n\n: still here\n\n")


async def test_who_reads_nothing_is_dropped_and_the_call_does_not_notice(tmp_path: Path) -> None:
    async with bridge(tmp_path, send_timeout=0.2) as (client, log):
        journal = begun(log)
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n\r\n".encode())
        await reader.readuntil(b"retry: 3000")
        async with asyncio.timeout(20):
            while log.live._followers:  # who is still fed
                for _ in range(200):
                    journal.operated("say", by="x", text="x" * 10_000)
                await asyncio.sleep(0.01)  # the kernel takes some of it
        writer.close()
