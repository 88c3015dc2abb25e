"""Reads the call log: lists, searches, one call as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, Text, case, cast, func, literal_column, or_, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from bridge.records.database import Database
from bridge.records.entries import Entry, EntryKind
from bridge.records.tables import CALLS, ENTRIES

MOST: Final = 500
"""Calls of one page."""
_LONGEST_CALL_S: Final = 86_400.0
"""Calls that began earlier are not looked through for what has happened lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls; what is empty is not asked for."""

    text: str = ""
    """What was said, heard or done: words in a row, capitals or not, the last perhaps in part."""
    phone: str = ""
    """A part of the caller's number or of the one that was called."""
    wire: str = ""
    route: str = ""
    ended_by: str = ""
    """caller, bot or bridge."""
    fault: str = ""
    """ours or remote."""
    since: float | None = None
    """Seconds since 1970, of the begin."""
    until: float | None = None
    before: str = ""
    """The record of the last call of the page before this one."""
    limit: int = 50
    """At most MOST."""


async def calls(database: Database, wanted: Wanted) -> Sequence[Mapping[str, object]]:
    """Return the columns of the calls that are `wanted`, the newest first.

    Raises:
        DatabaseFailed: they cannot be read.
    """
    conditions = _conditions(wanted, sqlite=database.engine.dialect.name == "sqlite")
    found = select(CALLS).where(*conditions).order_by(CALLS.c.began_at.desc(), CALLS.c.record.desc())
    async with database.reading() as connection:
        rows = (await connection.execute(found.limit(max(1, min(wanted.limit, MOST))))).mappings().all()
    return [_plain(row) for row in rows]


async def call(database: Database, name: str) -> Mapping[str, object] | None:
    """Return the columns of the call whose record is `name`, else of the newest one that its wire called so.

    Raises:
        DatabaseFailed: it cannot be read.
    """
    found = select(CALLS).where(or_(CALLS.c.record == name, CALLS.c.call_id == name)).order_by(CALLS.c.began_at.desc())
    async with database.reading() as connection:
        row = (await connection.execute(found.limit(1))).mappings().first()
    return None if row is None else _plain(row)


async def entries(database: Database, record: str, *, after: int = 0) -> Sequence[Entry]:
    """Return what is kept of one call, in order, from the entry behind number `after` on.

    Raises:
        DatabaseFailed: it cannot be read.
    """
    found = select(ENTRIES).where(ENTRIES.c.record == record, ENTRIES.c.number > after).order_by(ENTRIES.c.number)
    async with database.reading() as connection:
        rows = (await connection.execute(found)).mappings().all()
    return [_entry(row) for row in rows]


async def entries_since(database: Database, at: float, *, most: int) -> Sequence[Entry]:
    """Return what happened on all calls from `at`, seconds since 1970, on, by time: the `most` oldest.

    Raises:
        DatabaseFailed: it cannot be read.
    """
    lasted = (CALLS.c.began_at > at - _LONGEST_CALL_S) & or_(CALLS.c.ended_at.is_(None), CALLS.c.ended_at >= at)
    found = (
        select(ENTRIES)
        .join(CALLS, CALLS.c.record == ENTRIES.c.record)
        .where(lasted, ENTRIES.c.at >= at)
        .order_by(ENTRIES.c.at, ENTRIES.c.record, ENTRIES.c.number)
        .limit(most)
    )
    async with database.reading() as connection:
        rows = (await connection.execute(found)).mappings().all()
    return [_entry(row) for row in rows]


def _entry(row: RowMapping) -> Entry:
    return Entry(row["record"], row["number"], row["at"], EntryKind(row["kind"]), row["text"], row["data"])


def _plain(row: RowMapping) -> Mapping[str, object]:
    return {str(name): value for name, value in row.items()}


def _conditions(wanted: Wanted, *, sqlite: bool) -> list[ColumnElement[bool]]:
    columns = CALLS.c
    equal = (
        (columns.wire, wanted.wire),
        (columns.route, wanted.route),
        (columns.ended_by, wanted.ended_by),
        (columns.fault, wanted.fault),
    )
    asked: list[ColumnElement[bool]] = [column == value for column, value in equal if value]
    if wanted.phone:
        asked.append(or_(_holds(CALLS.c.caller, wanted.phone), _holds(CALLS.c.callee, wanted.phone)))
    if wanted.text:
        asked.append(CALLS.c.record.in_(_said(wanted.text, sqlite=sqlite)))
    if wanted.since is not None:
        asked.append(CALLS.c.began_at >= wanted.since)
    if wanted.until is not None:
        asked.append(CALLS.c.began_at < wanted.until)
    if wanted.before:
        at = select(CALLS.c.began_at).where(CALLS.c.record == wanted.before).scalar_subquery()
        older = (CALLS.c.began_at == at) & (CALLS.c.record < wanted.before)
        asked.append(or_(CALLS.c.began_at < at, older))
    return asked


def _said(words: str, *, sqlite: bool) -> Select[str]:
    """Return the records of which an entry has `words`, by the index that each database has for that."""
    if sqlite:
        phrase = '"' + words.replace('"', " ") + '" *'
        found = text("entries.rowid IN (SELECT rowid FROM entry_words WHERE entry_words MATCH :phrase)")
        return select(ENTRIES.c.record).where(found.bindparams(phrase=phrase))
    query = func.phraseto_tsquery(literal_column("'simple'::regconfig"), words)
    begun = case((func.numnode(query) == 0, query), else_=cast(cast(query, Text) + ":*", TSQUERY))
    vector = func.to_tsvector(literal_column("'simple'::regconfig"), ENTRIES.c.text)
    return select(ENTRIES.c.record).where(vector.op("@@")(begun), ENTRIES.c.text != "")


def _holds(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    return column.icontains(part, autoescape=True)
