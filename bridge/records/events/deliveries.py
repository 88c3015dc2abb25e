"""What the webhook is still to be told, by call, in the database: it outlives the process, and several share it.

A call that is claimed is the claimer's for some seconds; whoever dies leaves it to the others after that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.records.entries import Entry, EntryKind
from bridge.records.tables import DELIVERIES

TOLD: Final = frozenset(
    {
        *(EntryKind.STARTED, EntryKind.CALLER, EntryKind.TARGET, EntryKind.BOT, EntryKind.KEYS),
        EntryKind.ENDED,
        EntryKind.RECORDING,  # it is complete after the end
        EntryKind.REDACTED,  # who was told of the entry before can take it out as well
    }
)
"""Entries that are events of their own; the others come with the record, at the end."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A call of which something is to be told."""

    record: str
    told: int
    """Entries up to this number were."""
    tries: int
    """So often the next one was not taken."""
    failing_since: float | None
    """Since when, in seconds since 1970."""


async def note(connection: AsyncConnection, entries: Sequence[Entry], *, now: ColumnElement[float]) -> None:
    """Note that `entries`, which are written just now, are to be told of, where the begins of their calls are too."""
    newest: dict[str, int] = {}
    for entry in entries:
        if entry.kind in TOLD:
            newest[entry.record] = max(newest.get(entry.record, 0), entry.number)
    begun = [entry.record for entry in entries if entry.kind is EntryKind.STARTED]
    if begun:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        rows = [{"record": record, "newest": 0} for record in begun]
        await connection.execute(insert(DELIVERIES).on_conflict_do_nothing(), rows)
    if newest:
        columns = DELIVERIES.c
        raised = (
            update(DELIVERIES)
            .where(columns.record == bindparam("of"), columns.newest < bindparam("number"))
            .values(newest=bindparam("number"), due_at=func.coalesce(columns.due_at, now))
        )
        # In one order: two bridges that write of the same calls do not wait for each other in a circle.
        await connection.execute(raised, [{"of": of, "number": number} for of, number in sorted(newest.items())])


async def claim(connection: AsyncConnection, *, now: float, for_s: float, most: int) -> Sequence[Claim]:
    """Take the calls that are due longest, for `for_s` seconds. What others are taking just now is left out."""
    columns = DELIVERIES.c
    due = select(columns.record, columns.told, columns.tries, columns.failing_since).where(columns.due_at <= now)
    rows = (await connection.execute(due.order_by(columns.due_at).limit(most).with_for_update(skip_locked=True))).all()
    if rows:
        mine = columns.record.in_([row.record for row in rows])
        await connection.execute(update(DELIVERIES).where(mine).values(due_at=now + for_s))
    return [Claim(row.record, row.told, row.tries, row.failing_since) for row in rows]


async def done(connection: AsyncConnection, record: str, number: int) -> None:
    """Note that entries up to `number` were told; the call stays claimed."""
    told = {"told": number, "tries": 0, "failing_since": None}
    await connection.execute(update(DELIVERIES).where(DELIVERIES.c.record == record).values(told))


async def release(connection: AsyncConnection, record: str, *, now: float) -> None:
    """Give a call back of which all was told, unless there is more since."""
    # By columns of the row alone: of what another transaction has just written only these are seen.
    due = case((DELIVERIES.c.newest > DELIVERIES.c.told, now), else_=None)
    await connection.execute(update(DELIVERIES).where(DELIVERIES.c.record == record).values(due_at=due))


async def put_off(connection: AsyncConnection, record: str, *, until: float, since: float) -> None:
    """Note that the next entry was not taken: it is tried again at `until`; it fails since `since`."""
    values = {"due_at": until, "failing_since": since, "tries": DELIVERIES.c.tries + 1}
    await connection.execute(update(DELIVERIES).where(DELIVERIES.c.record == record).values(values))


async def give_up(connection: AsyncConnection, record: str) -> None:
    """Tell no more of what there is of a call so far."""
    values = {"told": DELIVERIES.c.newest, "due_at": None, "failing_since": None, "tries": 0}
    await connection.execute(update(DELIVERIES).where(DELIVERIES.c.record == record).values(values))
