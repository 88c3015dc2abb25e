"""Entries of which something is taken out after they were written: the rest of a card's number was said later."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.records.entries import Entry, EntryKind
from bridge.records.tables import ENTRIES


async def amend(connection: AsyncConnection, by: Entry) -> None:
    """Have the entry that `by` amends say so, where it is written. What is there twice changes nothing."""
    columns = ENTRIES.c
    amended = (columns.record == by.record) & (columns.number == by.data["of"])
    row = (
        await connection.execute(select(columns.at, columns.kind, columns.text, columns.data).where(amended))
    ).first()
    if row is None:
        return
    now = Entry(by.record, 0, row.at, EntryKind(row.kind), row.text, row.data).amended(by)
    await connection.execute(update(ENTRIES).where(amended).values(text=now.text, data=dict(now.data)))
