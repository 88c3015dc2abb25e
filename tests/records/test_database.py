"""The call log in a real SQLite: written once, found again, deleted for good."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from bridge.records import query
from bridge.records.database import Database, _write_ahead
from bridge.records.deletion import erase, expire
from bridge.records.entries import Entry, EntryKind
from bridge.records.query import Wanted
from bridge.records.shelf import DatabaseFailed
from bridge.records.tables import METADATA
from bridge.settings.types import seconds


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database.at(f"sqlite:///{tmp_path / 'calls.db'}")
    yield database
    await database.close()


def a_call(record: str, *, at: float = 1000.0, caller: str = "+491701", said: str = "hello") -> list[Entry]:
    facts = {"call_id": f"CA{record}", "wire": "twilio", "direction": "inbound", "caller": caller, "callee": "+4930"}
    return [
        Entry(record, 1, at, EntryKind.STARTED, "", facts),
        Entry(record, 2, at + 1, EntryKind.CALLER, said, {"from_ms": 0, "to_ms": 900}),
        Entry(
            record, 3, at + 9, EntryKind.ENDED, "the caller hung up", {"turns": 1, "ended_by": "caller", "fault": ""}
        ),
    ]


async def records(database: Database, **wanted: object) -> list[str]:
    return [str(row["record"]) for row in await query.calls(database, Wanted(**wanted))]  # type: ignore[arg-type]


async def test_a_call_is_a_row_and_its_entries(database: Database) -> None:
    await database.write(a_call("a"))
    row = await query.call(database, "a")
    assert row
    assert (row["call_id"], row["caller"], row["began_at"], row["ended_at"]) == ("CAa", "+491701", 1000.0, 1009.0)
    assert (row["reason"], row["ended_by"], row["turns"], row["bot"]) == ("the caller hung up", "caller", 1, "")
    assert await query.entries(database, "a") == a_call("a")
    assert [entry.number for entry in await query.entries(database, "a", after=2)] == [3]


async def test_what_is_written_twice_is_there_once(database: Database) -> None:
    for _ in range(3):
        await database.write(a_call("a"))
        await database.write(a_call("a")[1:])
    assert await query.entries(database, "a") == a_call("a")


async def test_a_call_is_found_by_the_name_that_its_wire_gave_it_the_newest_first(database: Database) -> None:
    old, new = a_call("a"), a_call("b", at=2000.0)
    new[0].data["call_id"] = "CAa"  # type: ignore[index]
    await database.write([*old, *new])
    row = await query.call(database, "CAa")
    assert row
    assert row["record"] == "b"
    assert await query.call(database, "c") is None


async def test_calls_are_searched_by_words_number_and_time_and_come_page_by_page(database: Database) -> None:
    for number in range(5):
        await database.write(
            a_call(f"r{number}", at=1000.0 + number, caller=f"+49170{number}", said=f"Frage {number} %")
        )
    assert await records(database) == ["r4", "r3", "r2", "r1", "r0"]
    assert await records(database, text="FRAGE 3") == ["r3"]
    assert await records(database, text="fra") == ["r4", "r3", "r2", "r1", "r0"]
    assert await records(database, text="rage") == []
    assert await records(database, text="%") == []
    assert await records(database, text='" OR text:*') == []
    assert await records(database, phone="1702") == ["r2"]
    assert await records(database, since=1001.0, until=1003.0) == ["r2", "r1"]
    assert await records(database, limit=2) == ["r4", "r3"]
    assert await records(database, limit=2, before="r3") == ["r2", "r1"]
    assert await records(database, wire="sip") == []


async def test_two_calls_of_the_same_instant_are_both_on_some_page(database: Database) -> None:
    await database.write([*a_call("a"), *a_call("b"), *a_call("c")])
    assert await records(database, limit=1) == ["c"]
    assert await records(database, limit=1, before="c") == ["b"]
    assert await records(database, limit=5, before="b") == ["a"]


async def test_a_deleted_call_is_gone_with_its_words_and_a_backlog_brings_nothing_back(database: Database) -> None:
    await database.write([*a_call("a"), *a_call("b", caller="+43664")])
    assert await erase(database, now=5000.0, record="a") == ["a"]
    await database.write(a_call("a"))
    assert await records(database) == ["b"]
    assert await query.entries(database, "a") == []


async def test_recordings_go_with_their_calls(database: Database, tmp_path: Path) -> None:
    a, b, c = ("a" * 32, "b" * 32, "c" * 32)
    for name in (a, b, c):
        (path := tmp_path / "1970-01-01" / f"{name}.wav").parent.mkdir(exist_ok=True)
        path.touch()
        told = {"path": str(path)} if name != b else {}
        await database.write([*a_call(name), Entry(name, 9, 5.0, EntryKind.RECORDING, "", told)])
    await erase(database, now=5000.0, record=a)  # its folder is no longer in the settings: the log knows it
    await erase(database, now=5000.0, record=b, recordings=[tmp_path])  # the log does not know yet, as it goes on
    assert sorted(os.listdir(tmp_path / "1970-01-01")) == [f"{c}.wav"]
    await expire(database, now=10**6, keep_text_s=1.0, keep_calls_s=1.0)
    assert "1970-01-01" not in os.listdir(tmp_path)


async def test_a_number_is_deleted_from_all_calls_and_what_waits_of_it_is_not_written(database: Database) -> None:
    await database.write([*a_call("a"), *a_call("b"), *a_call("c", caller="+43664")])
    assert sorted(await erase(database, now=5000.0, phone="+491701")) == ["a", "b"]
    await database.write(a_call("d", at=4000.0))
    await database.write(a_call("e", at=6000.0))  # they called again after that
    assert await records(database) == ["e", "c"]


async def test_words_are_forgotten_before_calls_are(database: Database) -> None:
    await database.write([*a_call("old", at=0.0), *a_call("middle", at=1000.0), *a_call("new", at=2000.0)])
    assert await expire(database, now=3000.0, keep_text_s=1500.0, keep_calls_s=2500.0) == (2, 1)
    assert await records(database) == ["new", "middle"]
    [_, words, _] = await query.entries(database, "middle")
    assert (words.text, words.data) == ("", {"expired": True})
    assert await records(database, text="hello") == ["new"]
    await database.vacuum()
    assert await records(database, text="hello") == ["new"]
    assert await expire(database, now=1e12, keep_text_s=seconds("0"), keep_calls_s=seconds("0")) == (0, 0)


def test_ages_are_hours_and_days() -> None:
    assert (seconds("12h"), seconds("7d")) == (43_200.0, 604_800.0)


async def test_two_servers_may_make_the_tables_and_write_at_the_same_time(tmp_path: Path) -> None:
    both = [Database.at(f"sqlite:///{tmp_path / 'calls.db'}") for _ in range(2)]
    await asyncio.gather(*(database.write(a_call(f"{index}")) for index, database in enumerate(both)))
    writing = (database.write(a_call(f"{index}-{n}")) for index, database in enumerate(both) for n in range(20))
    await asyncio.gather(*writing)
    assert len(await query.calls(both[0], Wanted(limit=100))) == 42
    for database in both:
        await database.close()


async def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    await database.migrate()

    def ours(table: object, name: str | None, kind: str, *_: object) -> bool:
        return not (kind == "table" and str(name).startswith("entry_words"))

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_object": ours})
        return list(compare_metadata(context, METADATA))

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_text("this is a text, and a long one at that" * 100)
    database = Database.at(f"sqlite:///{tmp_path / 'calls.db'}")
    with pytest.raises(DatabaseFailed, match="not a database"):
        await database.write(a_call("a"))
    await database.close()


@pytest.mark.parametrize(("url", "why"), [("nonsense", "parse"), ("mysql://host/db", "mysql"), ("", "parse")])
def test_an_address_that_is_none_is_told(url: str, why: str) -> None:
    with pytest.raises(DatabaseFailed, match=why):
        Database.at(url)


def test_several_who_make_the_file_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite itself refuses one in twenty: `PRAGMA journal_mode=WAL` waits for nobody."""

    def make(path: Path, together: threading.Barrier) -> str:
        connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
        connection.isolation_level = None
        together.wait()
        try:
            _write_ahead(cast(Any, connection), None)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        for number in range(100):
            path, together = tmp_path / f"{number}.db", threading.Barrier(3)
            made = [threads.submit(make, path, together) for _ in range(3)]
            assert [each.result() for each in made] == ["wal"] * 3


async def test_what_the_driver_raises_by_itself_is_a_failure_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy lets it through where a connection ends while it is made."""
    asyncpg = pytest.importorskip("asyncpg", reason="the extra postgresql is missing")
    database = Database.at("postgresql://us@host/calls")

    class Gone:
        """A connection that the server ended as soon as it stood."""

        async def set_type_codec(self, *_: object, **__: object) -> None:
            raise asyncpg.InterfaceError("connection is closed")

        def terminate(self) -> None: ...

    async def connect(*_: object, **__: object) -> Gone:
        return Gone()

    monkeypatch.setattr(asyncpg, "connect", connect)
    with pytest.raises(DatabaseFailed, match="InterfaceError: connection is closed"):
        await records(database)


async def test_calls_whose_server_died_end_at_the_last_that_is_known_of_them(database: Database) -> None:
    await database.write([*a_call("a")[:2], *a_call("b")])
    for _ in range(2):
        await database.end(["a", "b", "never seen"])
    assert await query.entries(database, "b") == a_call("b")
    last = (await query.entries(database, "a"))[-1]
    assert (last.number, last.at, last.kind, last.text) == (3, 1001.0, EntryKind.ENDED, "the server died")
    row = await query.call(database, "a")
    assert row
    assert (row["ended_at"], row["reason"], row["fault"], row["ended_by"]) == (1001.0, last.text, "ours", "bridge")
    assert (row["turns"], row["faults"], row["duration_ms"]) == (1, 1, 1000)
    assert len(await query.entries(database, "a")) == 3


async def test_what_was_deleted_is_not_ended(database: Database) -> None:
    await database.write(a_call("a")[:2])
    await erase(database, record="a", now=2000.0)
    await database.end(["a"])
    assert await records(database) == []


async def test_an_entry_that_is_amended_says_so_is_found_by_its_new_words_alone_and_is_told(database: Database) -> None:
    database.tells_events = True
    await database.write(a_call("a", said="my card is 4111 1111"))
    amending = Entry("a", 4, 1002.0, EntryKind.REDACTED, "my card is [card]", {"of": 2, "from_ms": 0, "to_ms": 900})
    for _ in range(2):
        await database.write([amending])
    second = (await query.entries(database, "a"))[1]
    assert (second.kind, second.text, second.data) == ("caller", "my card is [card]", {"from_ms": 0, "to_ms": 900})
    assert await records(database, text="4111") == []
    assert await records(database, text="card is") == ["a"]


async def test_what_amends_an_entry_that_is_too_old_gives_it_no_words_back(database: Database) -> None:
    await database.write(a_call("a", said="my card is 4111 1111"))
    await expire(database, now=1000.0 + 9 * 86_400, keep_text_s=86_400, keep_calls_s=90 * 86_400)
    await database.write([Entry("a", 4, 1002.0, EntryKind.REDACTED, "my card is [card]", {"of": 2})])
    assert (await query.entries(database, "a"))[1].text == ""
