"""The database of the call log: SQLite in a file, or PostgreSQL. Everything written twice is written once."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Self

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, Table, Update, create_engine, event, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.records.abandoned import REASON, last_entries
from bridge.records.entries import ENDING, Entry, EntryKind
from bridge.records.events.deliveries import note
from bridge.records.redacting.rows import amend
from bridge.records.shelf import DatabaseFailed
from bridge.records.tables import CALLS, ENTRIES, ERASURES, shared_now

_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_BUSY_S: Final = 10.0


class Database:
    """The call log as rows."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Use `at`."""
        self.engine = engine
        self._errors = (SQLAlchemyError, OSError, *_driver_errors(engine))
        # SQLite: who will write says so at once, and waits for its turn instead of failing in the middle.
        self._writing = engine.execution_options(begin="IMMEDIATE")
        self._migrated = False
        self.tells_events = False
        """The webhook of events is to be told of the calls that are written from now on."""

    @classmethod
    def at(cls, url: str) -> Self:
        """Return the database at `url`, e.g. `sqlite:////var/lib/bridge/records.db` or `postgresql://host/name`.

        Raises:
            DatabaseFailed: `url` cannot be read, or its driver is not installed.
        """
        try:
            parts = make_url(url)
            driver = _DRIVERS.get(parts.drivername)
            if driver is None:
                raise DatabaseFailed(f"{parts.drivername} is no database for it: sqlite or postgresql is")
            return cls(_engine(parts.set(drivername=driver)))
        except (ImportError, SQLAlchemyError) as error:
            raise DatabaseFailed(f"{error}") from error

    async def migrate(self) -> None:
        """Make the tables, or bring them up to date; what is up to date stays as it is.

        Raises:
            DatabaseFailed: it cannot be reached, or may not be changed.
        """
        with _told(self._errors):  # in a thread: migrations are files, and imports
            await asyncio.to_thread(_migrate, self.engine.url)
        self._migrated = True

    async def write(self, entries: Sequence[Entry], /) -> None:
        """Write `entries`, in one transaction, into tables that are made where there are none. What is there already,
        and what was deleted since, is left out.

        Raises:
            DatabaseFailed: nothing of it was written.
        """
        async with self.writing() as connection:
            for entry in entries:
                if entry.kind is EntryKind.STARTED:
                    await self._start(connection, entry)
            known = await _known(connection, {entry.record for entry in entries})
            await self._add(connection, [entry for entry in entries if entry.record in known])

    async def end(self, records: Collection[str], /, *, reason: str = REASON, behind: int = 1) -> None:
        """Write the end of those of `records` that have none: the process that carried them is gone.

        `behind`: by so much the number of that entry is higher than the last that is known.

        Raises:
            DatabaseFailed: nothing of it was written.
        """
        async with self.writing() as connection:
            await self._add(connection, await last_entries(connection, records, reason=reason, behind=behind))

    async def _add(self, connection: AsyncConnection, entries: Sequence[Entry]) -> None:
        if entries:
            await connection.execute(self._once(ENTRIES), [_row(entry) for entry in entries])
        if self.tells_events:
            await note(connection, entries, now=shared_now(connection))
        for entry in entries:
            if entry.kind is EntryKind.ENDED:
                await connection.execute(_ending(entry))
            elif entry.amends:
                await amend(connection, entry)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that changes something.

        Raises:
            DatabaseFailed: nothing was changed.
        """
        await self._have_tables()
        with _told(self._errors):
            async with self._writing.begin() as connection:
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection to read with.

        Raises:
            DatabaseFailed: the database cannot be reached, or refuses.
        """
        await self._have_tables()
        with _told(self._errors):
            async with self.engine.connect() as connection:
                yield connection

    async def _have_tables(self) -> None:
        if not self._migrated:
            await self.migrate()

    async def vacuum(self) -> None:
        """Give the room of what was deleted back to the disk. It takes a while, in which nobody writes.

        Raises:
            DatabaseFailed: it cannot be done now.
        """
        with _told(self._errors):
            async with self.engine.execution_options(isolation_level="AUTOCOMMIT", begin="").connect() as alone:
                await alone.exec_driver_sql("VACUUM")
                if alone.dialect.name == "sqlite":  # it numbers the rows anew, by which the index of words names them
                    await alone.exec_driver_sql("INSERT INTO entry_words(entry_words) VALUES ('rebuild')")

    async def close(self) -> None:
        """Close its connections."""
        await self.engine.dispose()

    async def _start(self, connection: AsyncConnection, entry: Entry) -> None:
        row = _call(entry)
        erased = select(ERASURES.c.id).where(
            ERASURES.c.at >= entry.at,
            or_(ERASURES.c.record == entry.record, ERASURES.c.phone.in_([row["caller"], row["callee"]])),
        )
        if (await connection.execute(erased.limit(1))).first() is None:
            await connection.execute(self._once(CALLS), row)

    def _once(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        if self.engine.dialect.name == "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()


@contextmanager
def _told(errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn what goes wrong inside into a DatabaseFailed."""
    try:
        yield
    except errors as error:
        said = str(getattr(error, "orig", None) or error).splitlines() or [""]
        raise DatabaseFailed(f"{type(error).__name__}: {said[0][:300]}") from error


def _driver_errors(engine: AsyncEngine) -> tuple[type[Exception], ...]:
    """Return what the driver of `engine` raises by itself: where a connection ends while it is made or given back,
    SQLAlchemy lets that through."""
    if engine.dialect.name != "postgresql":
        return ()
    import asyncpg

    return asyncpg.PostgresError, asyncpg.InterfaceError


async def _known(connection: AsyncConnection, records: set[str]) -> set[str]:
    found = await connection.execute(select(CALLS.c.record).where(CALLS.c.record.in_(records)))
    return set(found.scalars())


def _call(entry: Entry) -> dict[str, object]:
    facts = entry.data
    texts = ("call_id", "wire", "direction", "caller", "callee", "route", "bot", "node")
    return {"record": entry.record, "began_at": entry.at, **{name: str(facts.get(name, "")) for name in texts}}


def _row(entry: Entry) -> Mapping[str, object]:
    return {
        "record": entry.record,
        "number": entry.number,
        "at": entry.at,
        "kind": entry.kind.value,
        "text": entry.text,
        "data": dict(entry.data),
    }


def _ending(entry: Entry) -> Update:
    told = {name: entry.data[name] for name in ENDING if name in entry.data}
    return update(CALLS).where(CALLS.c.record == entry.record).values(ended_at=entry.at, reason=entry.text, **told)


def _engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine.sync_engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin)


def _migrate(url: URL) -> None:
    if url.get_backend_name() == "sqlite":  # without threads of its own: there are none left where it cannot be opened
        engine = create_engine(url.set(drivername="sqlite"))
        _prepare_sqlite(engine)
        event.listen(engine, "connect", _write_ahead)
        try:
            with engine.execution_options(begin="IMMEDIATE").begin() as connection:
                _upgrade(connection)
        finally:
            engine.dispose()
    else:
        asyncio.run(_migrate_elsewhere(url))


async def _migrate_elsewhere(url: URL) -> None:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # several bridges may start at once
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('voice-bridge call log'))")
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _set_up_sqlite(connection: DBAPIConnection, _: object) -> None:
    """Deletion of a call takes its entries with it."""
    connection.isolation_level = None  # transactions are begun by `_begin`, those that change tables too
    cursor = connection.cursor()
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_BUSY_S * 1000:.0f}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(connection: DBAPIConnection, _: object) -> None:
    """Have readers not hold up the writer, which the file keeps. It blocks.

    While another process does the same for a new file, SQLite refuses at once, whatever its busy_timeout.
    """
    until_s = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.cursor().execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until_s:
                raise
        time.sleep(0.02)


def _begin(connection: Connection) -> None:
    if mode := connection.get_execution_options().get("begin", "DEFERRED"):
        connection.exec_driver_sql(f"BEGIN {mode}")
