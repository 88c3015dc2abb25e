"""Orders as rows, in the transactions of whoever calls: who may take one, who has it, and what became of it.

An order is `queued` until the node that has taken it is about to dial: `ringing` is written before that. So what a dead
node had not begun may be taken by another, and what it had begun is never dialled twice. Times are the database's.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import ColumnElement, RowMapping, Update, delete, func, literal, select, true, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.outbound.call_request import BadCallRequest, body_of, read
from bridge.outbound.leg import PlacedCall, Status
from bridge.records.tables import NODES, ORDERS
from bridge.records.tables import database_now as now
from telephony.outcome import Outcome

_MOST_AT_ONCE = 100
_OF = ORDERS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An order that a dead node had begun."""

    call_id: str
    answered: bool
    reason: str


async def add(connection: AsyncConnection, placed: PlacedCall, *, key: str, most_waiting: int) -> bool:
    """Add an order; return False where there is one with that key, or `most_waiting` wait already."""
    waiting = select(func.count()).where(_OF.status == Status.QUEUED.value)
    if (await connection.execute(waiting)).scalar_one() >= most_waiting:
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {
        "call_id": placed.call_id,
        "ordered_at": now(connection),
        "callee": placed.request.to,
        "wire": placed.wire,
        "request": body_of(placed.request),
        "idempotency_key": key or None,
    }
    added = insert(ORDERS).values(row).on_conflict_do_nothing()
    return (await connection.execute(added)).rowcount == 1


async def get(connection: AsyncConnection, *, call_id: str = "", key: str = "") -> PlacedCall | None:
    """Return an order by its id, or by its key.

    Raises:
        BadCallRequest: what is there is no order.
    """
    wanted = _OF.idempotency_key == key if key else _OF.call_id == call_id
    row = (await connection.execute(select(ORDERS).where(wanted))).mappings().first()
    return _placed(row) if row else None


async def newest(connection: AsyncConnection, status: Status | None, *, most: int) -> Sequence[PlacedCall]:
    """Return orders with that status, None for any, the newest first. What no order is, is left out."""
    found = select(ORDERS).where(_OF.status == status.value if status else true())
    rows = (await connection.execute(found.order_by(_OF.ordered_at.desc(), _OF.call_id).limit(most))).mappings()
    placed: list[PlacedCall] = []
    for row in rows:
        with suppress(BadCallRequest):
            placed.append(_placed(row))
    return placed


async def claim(
    connection: AsyncConnection, node: str, wires: Collection[str], *, most: int, but: Collection[str] = ()
) -> Sequence[str]:
    """Take up to `most` orders over `wires` for `node`, the oldest first, but for some; return their ids.

    What others are taking just now is left out.
    """
    free = select(_OF.call_id).where(
        _OF.status == Status.QUEUED.value, _OF.owner.is_(None), _OF.wire.in_(wires), _OF.call_id.not_in(but)
    )
    oldest = free.order_by(_OF.ordered_at, _OF.call_id).limit(most).with_for_update(skip_locked=True)
    found = list((await connection.execute(oldest)).scalars())
    if found:
        await connection.execute(update(ORDERS).where(_OF.call_id.in_(found)).values(owner=node))
    return found


async def begin(connection: AsyncConnection, call_id: str, node: str) -> bool:
    """Note that `node` is about to dial; return whether it may: it still has the order, and nobody took it back."""
    mine = update(ORDERS).where(_OF.call_id == call_id, _OF.owner == node, _OF.status == Status.QUEUED.value)
    return (await connection.execute(mine.values(status=Status.RINGING.value))).rowcount == 1


async def give_back(connection: AsyncConnection, call_id: str, node: str, *, why: str) -> None:
    """Let others take an order that `node` had taken and has not dialled."""
    unended = _OF.status.in_((Status.QUEUED.value, Status.RINGING.value))
    mine = update(ORDERS).where(_OF.call_id == call_id, _OF.owner == node, unended)
    wanted_ended = _over(connection, mine.where(_OF.taken_back_by.is_not(None)), Outcome.FAILED, why)
    await connection.execute(wanted_ended)
    await connection.execute(mine.values(status=Status.QUEUED.value, owner=None, reason=f"it waits: {why}"))


async def give_back_unknown(connection: AsyncConnection, node: str, known: Collection[str]) -> None:
    """Let others take what `node` has taken by a transaction of which it does not know."""
    lost = (_OF.owner == node) & (_OF.status == Status.QUEUED.value) & _OF.call_id.not_in(known)
    await connection.execute(update(ORDERS).where(lost).values(owner=None))


async def tell(connection: AsyncConnection, placed: PlacedCall, node: str) -> None:
    """Note what has become of a call that `node` has dialled. Its word counts, whatever others thought meanwhile."""
    values = {"status": placed.status.value, "outcome": placed.outcome, "reason": placed.reason}
    mine = update(ORDERS).where(_OF.call_id == placed.call_id, _OF.owner == node)
    ended_at = now(connection) if placed.status is Status.ENDED else None
    await connection.execute(mine.values(**values, answered_by=placed.answered_by, ended_at=ended_at))


async def take_back(connection: AsyncConnection, call_id: str, *, by: str, reason: str) -> bool:
    """End an order that waits, or leave word for the node that has begun it; return whether there is such an order."""
    waiting = update(ORDERS).where(_OF.call_id == call_id, _OF.status == Status.QUEUED.value)
    if (await connection.execute(_over(connection, waiting, Outcome.FAILED, reason))).rowcount:
        return True
    begun = update(ORDERS).where(_OF.call_id == call_id, _OF.status != Status.ENDED.value)
    return (await connection.execute(begun.values(taken_back_by=by))).rowcount == 1


async def taken_back(connection: AsyncConnection, node: str) -> Mapping[str, str]:
    """Return who wants which of the orders ended that `node` has begun, by their ids."""
    wanted = select(_OF.call_id, _OF.taken_back_by).where(
        _OF.owner == node, _OF.status != Status.ENDED.value, _OF.taken_back_by.is_not(None)
    )
    return {row[0]: row[1] for row in await connection.execute(wanted)}


async def beat(connection: AsyncConnection, node: str) -> None:
    """Note that `node` lives."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    alive = insert(NODES).values(node=node, seen_at=now(connection))
    await connection.execute(alive.on_conflict_do_update(index_elements=["node"], set_={"seen_at": now(connection)}))


async def leave(connection: AsyncConnection, node: str) -> None:
    """Note that `node` has ended."""
    await connection.execute(delete(NODES).where(NODES.c.node == node))


async def expire(connection: AsyncConnection, *, wait_s: float) -> None:
    """End orders that nobody has taken within `wait_s`."""
    old = update(ORDERS).where(
        _OF.status == Status.QUEUED.value, _OF.owner.is_(None), _OF.ordered_at < now(connection) - wait_s
    )
    why = literal(f"no server placed it within {wait_s:g} s") + _after(_OF.reason)
    await connection.execute(_over(connection, old, Outcome.FAILED, why))


async def bury(connection: AsyncConnection, *, lease_s: float) -> Sequence[Left]:
    """End and return the orders that nodes had begun which have not been heard of for `lease_s`.

    What they had only taken, others may take.
    """
    alive = select(NODES.c.node).where(NODES.c.seen_at >= now(connection) - lease_s)
    dead = select(_OF.call_id, _OF.status, _OF.owner).where(
        _OF.status != Status.ENDED.value, _OF.owner.is_not(None), _OF.owner.not_in(alive)
    )
    rows = (await connection.execute(dead.limit(_MOST_AT_ONCE).with_for_update(skip_locked=True))).all()
    untouched = [row.call_id for row in rows if row.status == Status.QUEUED.value]
    await connection.execute(update(ORDERS).where(_OF.call_id.in_(untouched)).values(owner=None))
    begun = [_left(row.call_id, row.status, row.owner) for row in rows if row.status != Status.QUEUED.value]
    for left in begun:
        this = update(ORDERS).where(_OF.call_id == left.call_id)
        await connection.execute(_over(connection, this, Outcome.FAILED, left.reason))
    await connection.execute(delete(NODES).where(NODES.c.seen_at < now(connection) - 10 * lease_s))
    return begun


def _left(call_id: str, status: str, owner: str) -> Left:
    answered = status == Status.ANSWERED.value
    when = "during the call" if answered else "while it rang, and nobody knows whether it was answered"
    return Left(call_id=call_id, answered=answered, reason=f"the server {owner} was lost {when}")


def _placed(row: RowMapping) -> PlacedCall:
    return PlacedCall(
        str(row["call_id"]),
        read(row["request"]),
        str(row["wire"]),
        Status(str(row["status"])),
        Outcome(str(row["outcome"])) if row["outcome"] else None,
        str(row["reason"]),
        str(row["answered_by"]),
    )


def _over(connection: AsyncConnection, which: Update, outcome: Outcome, reason: str | ColumnElement[str]) -> Update:
    return which.values(status=Status.ENDED.value, outcome=outcome.value, reason=reason, ended_at=now(connection))


def _after(reason: ColumnElement[str]) -> ColumnElement[str]:
    """Return `reason` as the second half of a sentence, "" where there is none."""
    return func.coalesce(literal("; ") + func.nullif(reason, ""), "")
