"""The call log in a real PostgreSQL."""

import asyncio
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from integration.hearing import too_busy
from integration.postgres import Postgres, available, postgres
from integration.recordings import prompt, recordings
from integration.server import Server, serve
from sqlalchemy import delete

from bridge.commands.call import call
from bridge.commands.phone.simulated_phone import dial
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


# ---------------------------------------------------------------- under calls

SUPPORT = {"PYTHONPATH": str(Path(__file__).parents[1] / "support")}
GREETING = "word " * 30
"""A second and a half of sound: a gap in it would be heard."""
ENGINES = ("--asr", "fakes:FakeAsr", "--tts", "fakes:FakeTts", "--bot", "echo")


def flags(server: Postgres, state: Path) -> Sequence[str]:
    return (*ENGINES, "--greeting", GREETING, "--records", server.url, "--state-dir", str(state), "--max-calls", "20")


async def everything_of(database: Database, call_id: str, *, until: EntryKind | None = None) -> Sequence[Entry]:
    """Wait until the database has an entry of kind `until` of that call; return all of them, once it has the last."""
    async with asyncio.timeout(30):
        while True:
            row = await query.call(database, call_id)
            found = await query.entries(database, str(row["record"])) if row else []
            if found and (until is None or any(entry.kind is until for entry in found)):
                return found
            await asyncio.sleep(0.1)


def numbered_once(entries: Sequence[Entry]) -> bool:
    return [entry.number for entry in entries] == list(range(1, len(entries) + 1))


async def test_a_server_that_is_killed_in_the_middle_of_calls_leaves_all_up_to_there_and_the_next_delivers_it_once(
    server: Postgres, database: Database, tmp_path: Path
) -> None:
    said = prompt("vm-goodbye").mulaw
    async with (
        serve(*flags(server, tmp_path), env=SUPPORT, code=-signal.SIGKILL) as killed,
        dial(killed.twilio, call_sid="CA" + "1" * 32) as delivered,
        dial(killed.twilio, call_sid="CA" + "2" * 32) as waiting,
    ):
        await delivered.until_heard(after_ms=0)
        await everything_of(database, "CA" + "1" * 32)
        await asyncio.to_thread(server.stop)  # what comes now is on this machine's disk, and nowhere else
        try:
            await asyncio.gather(delivered.until_silent(), waiting.until_silent())
            for phone in (delivered, waiting):
                after_ms = await phone.say(said)
                await phone.until_heard(after_ms=after_ms, timeout_s=10)
            await asyncio.sleep(0.3)  # the promise: what was told a tenth of a second ago is on disk
            killed.stop(signal.SIGKILL)
            await killed.process.wait()
        finally:
            await asyncio.to_thread(server.start)
    async with serve(*flags(server, tmp_path), env=SUPPORT) as following:
        await following.logged("call records of a server that ended are written now")
        for digit in "12":
            entries = await everything_of(database, "CA" + digit * 32, until=EntryKind.ENDED)
            assert numbered_once(entries), entries
            assert [entry.text for entry in entries if entry.kind is EntryKind.CALLER] != [""]
            assert entries[-1].text == "the server died"
    assert list((tmp_path / "backlog").iterdir()) == []


@pytest.mark.parametrize(("count", "turns", "away_s"), [(6, 2, 0), pytest.param(20, 18, 60, marks=pytest.mark.slow)])
async def test_a_database_that_is_away_under_calls_costs_them_nothing_and_gets_everything_once(
    server: Postgres, database: Database, tmp_path: Path, *, count: int, turns: int, away_s: float
) -> None:
    """`away_s`: it is away so long at least, and till all calls have ended."""
    said = recordings([prompt("vm-goodbye")] * turns)
    async with serve(*flags(server, tmp_path), env=SUPPORT) as bridge:
        calls = [asyncio.create_task(call(bridge.twilio, said, number=number)) for number in range(count)]
        await bridge.logged(f"CA{count - 1:032d}", "call from")
        await asyncio.to_thread(server.stop)
        try:
            await asyncio.sleep(away_s)
            done = await asyncio.gather(*calls)
            await bridge.logged("the database takes no call records")
        finally:
            await asyncio.to_thread(server.start)
        for number in range(count):
            entries = await everything_of(database, f"CA{number:032d}", until=EntryKind.ENDED)
            assert numbered_once(entries), entries
            assert entries[-1].kind is EntryKind.ENDED
            assert len([entry for entry in entries if entry.kind is EntryKind.CALLER]) == turns
    if not too_busy(*(record for _, record in done)):
        assert sum(figures.gaps for figures, _ in done) == 0
    assert all(turn.heard_ms is not None for figures, _ in done for turn in figures.turns)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 1 MB where that may be mounted, else `folder`."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=False, capture_output=True
    )
    try:
        yield folder
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path, bridge: Server) -> Iterator[None]:
    """Fill `disk`; where it is no disk of its own, let `bridge` write no byte into any file."""
    if not disk.is_mount():
        before = resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        yield
        resource.prlimit(bridge.process.pid, resource.RLIMIT_FSIZE, before)
        return
    with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(4096))
    yield
    (disk / "filler").unlink()


async def test_a_full_disk_costs_a_call_nothing_and_what_happened_is_kept_once_there_is_room(
    server: Postgres, database: Database, tmp_path: Path
) -> None:
    said = recordings([prompt("vm-goodbye")])
    with small_disk(tmp_path) as disk:
        async with serve(*flags(server, disk), env=SUPPORT) as bridge:
            with full(disk, bridge):
                figures, record = await call(bridge.twilio, said, number=77)
                await bridge.logged("call records cannot be written to disk, and wait in memory")
                assert await query.call(database, f"CA{77:032d}") is None
            entries = await everything_of(database, f"CA{77:032d}", until=EntryKind.ENDED)
            await bridge.logged("call records can be written to disk again")
    assert numbered_once(entries)
    assert [entry.kind for entry in entries if entry.kind is EntryKind.CALLER] == [EntryKind.CALLER]
    assert figures.turns[0].heard_ms is not None
    assert figures.gaps == 0 or too_busy(record)
