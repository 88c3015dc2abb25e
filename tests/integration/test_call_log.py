"""The call log in a real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from integration.postgres import Postgres, available, postgres
from sqlalchemy import delete

from bridge.records import query
from bridge.records.database import Database
from bridge.records.deletion import erase, expire
from bridge.records.entries import Entry, EntryKind
from bridge.records.events.sender import EventsSender
from bridge.records.keeper import Keeper
from bridge.records.query import Wanted
from bridge.records.tables import CALLS, ERASURES

pytestmark = pytest.mark.skipif(not available(), reason="PostgreSQL is not installed: apt install postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest_asyncio.fixture
async def database(server: Postgres) -> AsyncIterator[Database]:
    database = Database.at(server.url)
    await database.migrate()
    yield database
    async with database.writing() as connection:
        await connection.execute(delete(CALLS))
        await connection.execute(delete(ERASURES))
    await database.close()


def a_call(record: str, *, at: float = 1000.0, said: str = "hello") -> list[Entry]:
    facts = {"call_id": f"CA{record}", "wire": "twilio", "caller": "+491701", "callee": "+4930"}
    return [
        Entry(record, 1, at, EntryKind.STARTED, "", facts),
        Entry(record, 2, at + 1, EntryKind.CALLER, said, {"from_ms": 0}),
        Entry(
            record, 3, at + 9, EntryKind.ENDED, "the caller hung up", {"turns": 1, "ended_by": "caller", "fault": ""}
        ),
    ]


async def found(database: Database, text: str = "") -> list[object]:
    return [row["record"] for row in await query.calls(database, Wanted(text=text))]


async def test_what_is_written_twice_is_there_once_and_is_found(database: Database) -> None:
    for _ in range(2):
        await database.write([*a_call("a", said="Frage 3 %"), *a_call("b", at=2000.0, said="नमस्ते दुनिया")])
    assert await query.entries(database, "a") == a_call("a", said="Frage 3 %")
    assert await found(database) == ["b", "a"]
    assert await found(database, "FRAGE 3") == ["a"]
    assert await found(database, "fra") == ["a"]
    assert await found(database, "नमस्ते दु") == ["b"]
    for nothing in ("rage", "%", "' OR 1=1", ":*", "a & b", "\\"):
        assert await found(database, nothing) == []


async def test_what_is_deleted_or_too_old_is_gone_for_good(database: Database) -> None:
    await database.write([*a_call("a"), *a_call("b", at=2000.0), *a_call("c", at=5000.0)])
    assert await erase(database, now=3000.0, record="b") == ["b"]
    await database.write(a_call("b", at=2000.0))
    assert await expire(database, now=6000.0, keep_text_s=2000.0, keep_calls_s=4500.0) == (1, 1)
    assert await found(database) == ["c"]
    await database.vacuum()


async def test_several_bridges_start_and_write_at_the_same_time(server: Postgres, database: Database) -> None:
    both = [Database.at(server.url) for _ in range(3)]
    await asyncio.gather(*(each.write(a_call(f"{index}")) for index, each in enumerate(both)))
    assert len(await found(database)) == 3
    for each in both:
        await each.close()


async def test_several_bridges_tell_the_webhook_of_each_event_once_and_in_order(
    server: Postgres, database: Database
) -> None:
    told: list[str] = []

    async def take(event: str, body: bytes) -> None:
        told.append(event)
        await asyncio.sleep(0.01)

    bridges = [Database.at(server.url) for _ in range(3)]
    for each in bridges:
        each.tells_events = True
    senders = [EventsSender(each, take) for each in bridges]
    calls = [a_call(f"r{number}") for number in range(30)]
    for number, entries in enumerate(calls):
        await bridges[number % 3].write(entries)
    async with asyncio.timeout(30):
        while any(took is not None for took in await asyncio.gather(*(sender.round() for sender in senders))):
            pass
    assert len(told) == 90
    for number in range(30):
        mine = [event for event in told if event.startswith(f"r{number}-")]
        assert mine == [f"r{number}-{place}" for place in (1, 2, 3)]
    for each in bridges:
        await each.close()


async def test_a_database_that_is_stopped_and_started_again_gets_everything_once(
    server: Postgres, database: Database, tmp_path: Path
) -> None:
    calls = [a_call(f"r{number}", at=1000.0 + number) for number in range(60)]
    async with Keeper(database, tmp_path, most_bytes=10**7, end_s=30) as keeper:
        for number, entries in enumerate(calls):
            if number == 20:
                await asyncio.to_thread(server.stop)
            if number == 40:
                await asyncio.to_thread(server.start)
            for entry in entries:
                keeper.put(entry)
                await asyncio.sleep(0.005)
    assert len(await found(database)) == 50  # one page
    for number, entries in enumerate(calls):
        assert await query.entries(database, f"r{number}") == entries
