"""The last entry of calls whose server died: nobody else can say that they are over."""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.records.entries import Entry, EntryKind
from bridge.records.tables import CALLS, ENTRIES

REASON = "the server died"


async def last_entries(connection: AsyncConnection, records: Collection[str]) -> Sequence[Entry]:
    """Return what ends each of `records` that is known and has no end: at the time of the last that is known of it."""
    of = select(CALLS.c.record, CALLS.c.began_at).where(CALLS.c.record.in_(list(records)), CALLS.c.ended_at.is_(None))
    begins = {row.record: row.began_at for row in await connection.execute(of)}
    what = select(ENTRIES.c.record, ENTRIES.c.number, ENTRIES.c.at, ENTRIES.c.kind).where(
        ENTRIES.c.record.in_(list(begins))
    )
    numbers, last_at, kinds = dict.fromkeys(begins, 0), dict(begins), {record: Counter[str]() for record in begins}
    for row in await connection.execute(what):
        numbers[row.record] = max(numbers[row.record], row.number)
        last_at[row.record] = max(last_at[row.record], row.at)
        kinds[row.record][row.kind] += 1
    return [
        Entry(
            record,
            numbers[record] + 1,
            last_at[record],
            EntryKind.ENDED,
            REASON,
            {
                "fault": "ours",
                "ended_by": "bridge",
                "duration_ms": round((last_at[record] - began_at) * 1000),
                "turns": kinds[record][EntryKind.CALLER],
                "replies": kinds[record][EntryKind.BOT],
                "faults": kinds[record][EntryKind.FAULT] + 1,
            },
        )
        for record, began_at in begins.items()
    ]
