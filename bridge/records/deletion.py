"""Deletes from the call log: what is too old, and what somebody asked to have deleted."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Select, delete, insert, or_, select, update

from bridge.recording import bucket, shelf
from bridge.records.database import Database
from bridge.records.entries import EntryKind
from bridge.records.tables import CALLS, ENTRIES, ERASURES, ORDERS

_WORDS: Final = (
    EntryKind.CALLER,
    EntryKind.TARGET,
    EntryKind.BOT,
    EntryKind.KEYS,
    EntryKind.ACTION,
    EntryKind.TOOL,
    EntryKind.NOTE,
    EntryKind.OPERATOR,
    EntryKind.REDACTED,
)
"""Entries that hold what somebody said, pressed or asked for."""
_AT_REST: Final = ("queued", "ended")
"""Orders that are not under way; who is being called now may be deleted after it."""
_PIECE: Final = 500
"""Calls of one transaction: nobody who writes waits for long."""


async def expire(
    database: Database, *, now: float, keep_text_s: float, keep_calls_s: float, recordings: Sequence[Path] = ()
) -> tuple[int, int]:
    """Delete what is older; return how many entries lost their words, and how many calls went as a whole.

    `now`: seconds since 1970. `recordings`: the folders of those, which go with their calls.

    Raises:
        DatabaseFailed, OSError: not all was deleted.
    """
    words = await _forget_words(database, now - keep_text_s)
    async with database.writing() as connection:
        await connection.execute(delete(ORDERS).where(ORDERS.c.ended_at < now - keep_calls_s))
    old = select(CALLS.c.record).where(CALLS.c.began_at < now - keep_calls_s)
    return words, len(await _delete(database, old, recordings))


async def erase(
    database: Database, *, now: float, record: str = "", phone: str = "", recordings: Sequence[Path] = ()
) -> Sequence[str]:
    """Delete one call by its record, or all calls of a telephone number; return the records that were deleted.

    What a backlog still holds of them will not be written either. `recordings`: the folders of those; what is recorded
    of the calls goes first, so that a failure leaves no recording without its call.

    Raises:
        DatabaseFailed, OSError: not all was deleted.
    """
    wanted = or_(CALLS.c.caller == phone, CALLS.c.callee == phone) if phone else CALLS.c.record == record
    async with database.writing() as connection:
        await connection.execute(insert(ERASURES).values(at=now, record=record, phone=phone))
        called = select(CALLS.c.call_id).where(CALLS.c.record == record)
        ordered = ORDERS.c.callee == phone if phone else ORDERS.c.call_id.in_(called)
        await connection.execute(delete(ORDERS).where(ordered, ORDERS.c.status.in_(_AT_REST)))
    return await _delete(database, select(CALLS.c.record).where(wanted), recordings)


async def _delete(database: Database, records: Select[str], recordings: Sequence[Path]) -> Sequence[str]:
    gone: list[str] = []
    while True:
        async with database.reading() as connection:
            some = [row[0] for row in await connection.execute(records.limit(_PIECE))]
            recorded = select(ENTRIES.c.record, ENTRIES.c.data).where(
                ENTRIES.c.record.in_(some), ENTRIES.c.kind == EntryKind.RECORDING.value
            )
            told = [
                (row[0], str(row[1].get("url") or row[1].get("path", ""))) for row in await connection.execute(recorded)
            ]
        await asyncio.to_thread(_delete_files, some, told, recordings)
        async with database.writing() as connection:
            await connection.execute(delete(CALLS).where(CALLS.c.record.in_(some)))
        gone += some
        if len(some) < _PIECE:
            return gone


def _delete_files(records: Sequence[str], told: Sequence[tuple[str, str]], roots: Sequence[Path]) -> None:
    """Delete what is recorded of `records`, where the log says that it is, and below `roots`."""
    for record in records if roots else ():
        shelf.delete(roots, record)
    for record, place in told:
        if place.startswith(bucket.SCHEME):
            bucket.delete(place)
        elif place:
            shelf.delete([Path(place).parent.parent], record)


async def _forget_words(database: Database, before: float) -> int:
    count = 0
    old = select(ENTRIES.c.record, ENTRIES.c.number).where(
        ENTRIES.c.at < before, ENTRIES.c.kind.in_([kind.value for kind in _WORDS]), ENTRIES.c.text != ""
    )
    while True:
        async with database.writing() as connection:
            some = (await connection.execute(old.limit(_PIECE))).all()
            for record, number in some:
                entry = (ENTRIES.c.record == record) & (ENTRIES.c.number == number)
                await connection.execute(update(ENTRIES).where(entry).values(text="", data={"expired": True}))
        count += len(some)
        if len(some) < _PIECE:
            return count
