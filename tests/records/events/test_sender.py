"""What the webhook is told from a real database: all of it, in order, again after a crash, for a day."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fakes import FakeClock

from bridge.records import query
from bridge.records.database import Database
from bridge.records.deletion import erase
from bridge.records.entries import Entry, EntryKind
from bridge.records.events.sender import CLAIM_S, EventsSender, NotTaken


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.at(f"sqlite:///{tmp_path / 'calls.db'}")
    database.tells_events = True
    yield database
    await database.close()


def a_call(record: str) -> list[Entry]:
    facts = {"call_id": f"CA{record}", "wire": "twilio", "caller": "+491701", "callee": "+4930"}
    return [
        Entry(record, 1, 1000.0, EntryKind.STARTED, "", facts),
        Entry(record, 2, 1001.0, EntryKind.CALLER, "Hello.", {"from_ms": 0}),
        Entry(record, 3, 1001.5, EntryKind.LATENCY, "", {"sent_ms": 300}),
        Entry(record, 4, 1002.0, EntryKind.BOT, "Good morning.", {"played_ms": 900}),
        Entry(record, 5, 1009.0, EntryKind.ENDED, "the caller hung up", {"turns": 1, "ended_by": "caller"}),
    ]


class Receiver:
    """Keeps what it takes, and takes nothing of whose id `refuses` says so."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refuses = ""
        self.came = asyncio.Semaphore(0)

    async def post(self, event: str, body: bytes) -> None:
        self.asked.append(event)
        if self.refuses and event.startswith(self.refuses):
            raise NotTaken("it answers with status 500")
        self.ids.append(event)
        self.bodies.append(json.loads(body))
        self.came.release()


class Wall(FakeClock):
    """Seconds since 1970 that pass when the test says so, from a little after what the database notes in this test."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = time.time() + 100


def sender(database: Database, receiver: Receiver, wall: Wall, gone: list[str] | None = None) -> EventsSender:
    return EventsSender(database, receiver.post, wall=wall, on_given_up=lambda: (gone or []).append("given up"))


async def test_a_call_is_told_in_order_once_and_its_whole_record_at_its_end(database: Database) -> None:
    receiver, wall = Receiver(), Wall()
    tells = sender(database, receiver, wall)
    for entry in a_call("a"):
        await database.write([entry])
        await tells.round()
        await tells.round()
    assert receiver.ids == ["a-1", "a-2", "a-4", "a-5"]
    assert [body["event"] for body in receiver.bodies] == ["call.started", "turn", "turn", "call.ended"]
    started, turn, _, ended = receiver.bodies
    assert started["call"]["id"] == "CAa" and (turn["entry"]["kind"], turn["entry"]["text"]) == ("caller", "Hello.")
    assert [entry["number"] for entry in ended["record"]["entries"]] == [1, 2, 3, 4, 5]
    assert ended["record"]["ended_by"] == "caller"
    assert await tells.round() is None


async def test_a_recording_that_is_complete_after_the_end_is_told(database: Database) -> None:
    receiver = Receiver()
    tells = sender(database, receiver, Wall())
    await database.write(a_call("a"))
    await tells.round()
    await database.write([Entry("a", 6, 1010.0, EntryKind.RECORDING, "", {"path": "2026-01-31/a.wav"})])
    await tells.round()
    assert receiver.bodies[-1]["event"] == "call.recorded"
    assert receiver.bodies[-1]["entry"]["data"] == {"path": "2026-01-31/a.wav"}
    assert await tells.round() is None


async def test_a_call_that_ends_while_it_is_told_of_is_told_with_its_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, read, call = Receiver(), query.entries, a_call("a")
    await database.write(call[:4])

    async def entries(database: Database, record: str) -> Sequence[Entry]:
        await database.write(call[4:])
        return await read(database, record)

    monkeypatch.setattr(query, "entries", entries)
    await sender(database, receiver, Wall()).round()
    assert receiver.bodies[-1]["event"] == "call.ended"
    assert receiver.bodies[-1]["record"]["ended_by"] == "caller"


async def test_a_receiver_that_fails_is_asked_again_later_and_later_and_told_in_order(database: Database) -> None:
    receiver, wall = Receiver(), Wall()
    tells = sender(database, receiver, wall)
    receiver.refuses = "a-2"
    await database.write([*a_call("a"), *a_call("b")])
    assert await tells.round() is True
    assert receiver.ids[-4:] == ["b-1", "b-2", "b-4", "b-5"] or set(receiver.ids) == {"a-1", "b-1", "b-2", "b-4", "b-5"}
    pauses = []
    for _ in range(8):
        before = len(receiver.asked)
        pause = 0.0
        while len(receiver.asked) == before:
            wall.now_s += 0.5
            pause += 0.5
            await tells.round()
        pauses.append(pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    receiver.refuses = ""
    wall.now_s += 60
    await tells.round()
    assert [event for event in receiver.ids if event.startswith("a")] == ["a-1", "a-2", "a-4", "a-5"]


async def test_what_a_process_that_died_had_claimed_is_told_by_the_next(database: Database) -> None:
    wall, receiver = Wall(), Receiver()

    async def die(event: str, body: bytes) -> None:
        raise asyncio.CancelledError

    await database.write(a_call("a"))
    with pytest.raises(asyncio.CancelledError):
        await EventsSender(database, die, wall=wall).round()
    next_one = sender(database, receiver, wall)
    assert await next_one.round() is None
    wall.now_s += CLAIM_S
    assert await next_one.round() is True
    assert receiver.ids == ["a-1", "a-2", "a-4", "a-5"]


async def test_after_a_day_a_call_is_given_up_and_what_comes_later_is_told(database: Database) -> None:
    wall, receiver, gone = Wall(), Receiver(), []
    tells = EventsSender(database, receiver.post, wall=wall, on_given_up=lambda: gone.append("a"))
    receiver.refuses = "a"
    await database.write(a_call("a")[:2])
    await tells.round()
    wall.now_s += 86_399
    await tells.round()
    assert not gone
    wall.now_s += 61
    await tells.round()
    assert gone == ["a"]
    receiver.refuses = ""
    await database.write(a_call("a")[2:])
    await tells.round()
    assert receiver.ids == ["a-4", "a-5"]


async def test_calls_of_before_the_webhook_was_named_and_those_deleted_are_not_told(database: Database) -> None:
    wall, receiver = Wall(), Receiver()
    database.tells_events = False
    await database.write(a_call("a")[:2])
    database.tells_events = True
    await database.write([*a_call("a")[2:], *a_call("b")])
    await erase(database, now=2000.0, record="b")
    assert await sender(database, receiver, wall).round() is None


async def test_the_task_tells_at_once_what_is_written(database: Database) -> None:
    receiver = Receiver()
    tells = EventsSender(database, receiver.post)
    await database.migrate()
    task = asyncio.create_task(tells.run())
    async with asyncio.timeout(5):
        for entry in a_call("a"):
            await database.write([entry])
            tells.wake()
        while len(receiver.ids) < 4:
            await receiver.came.acquire()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert receiver.ids == ["a-1", "a-2", "a-4", "a-5"]
