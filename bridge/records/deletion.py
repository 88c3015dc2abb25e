"""Deletes from the call log: what is too old, and what somebody asked to have deleted."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, delete, insert, or_, select, update

from bridge.records.database import Database
from bridge.records.entries import EntryKind
from bridge.records.tables import CALLS, ENTRIES, ERASURES

_WORDS: Final = (
    EntryKind.CALLER,
    EntryKind.BOT,
    EntryKind.KEYS,
    EntryKind.ACTION,
    EntryKind.TOOL,
    EntryKind.NOTE,
    EntryKind.OPERATOR,
)
"""Entries that hold what somebody said, pressed or asked for."""
_PIECE: Final = 500
"""Calls of one transaction: nobody who writes waits for long."""
_A_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3_600.0


def seconds(age: str) -> float:
    """Return the seconds of an age like "12h" or "7d"; "0", for ever, is infinity."""
    if age == "0":
        return float("inf")
    return float(age[:-1]) * (_A_DAY_S if age[-1] == "d" else _HOUR_S)


async def expire(database: Database, *, now: float, keep_text_s: float, keep_calls_s: float) -> tuple[int, int]:
    """Delete what is older; return how many entries lost their words, and how many calls went as a whole.

    `now`: seconds since 1970.

    Raises:
        DatabaseFailed: not all was deleted.
    """
    words = await _forget_words(database, now - keep_text_s)
    return words, len(await _delete(database, select(CALLS.c.record).where(CALLS.c.began_at < now - keep_calls_s)))


async def erase(database: Database, *, now: float, record: str = "", phone: str = "") -> Sequence[str]:
    """Delete one call by its record, or all calls of a telephone number; return the records that were deleted.

    What a backlog still holds of them will not be written either.

    Raises:
        DatabaseFailed: not all was deleted.
    """
    wanted = or_(CALLS.c.caller == phone, CALLS.c.callee == phone) if phone else CALLS.c.record == record
    async with database.writing() as connection:
        await connection.execute(insert(ERASURES).values(at=now, record=record, phone=phone))
    return await _delete(database, select(CALLS.c.record).where(wanted))


async def _delete(database: Database, records: Select[str]) -> Sequence[str]:
    gone: list[str] = []
    while True:
        async with database.writing() as connection:
            some = [row[0] for row in await connection.execute(records.limit(_PIECE))]
            await connection.execute(delete(CALLS).where(CALLS.c.record.in_(some)))
        gone += some
        if len(some) < _PIECE:
            return gone


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
