"""The tables of the call log, and by which clock their times are.

Migrations (`migrations/`) make them; a test holds both to each other.
"""

import time
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    cast,
    extract,
    func,
    literal,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

METADATA: Final = MetaData()

CALLS: Final = Table(
    "calls",
    METADATA,
    Column("record", String(64), primary_key=True),
    Column("call_id", Text, nullable=False),  # what the wire calls it; the same may come again
    Column("began_at", Double, nullable=False),  # seconds since 1970, as all times here
    Column("ended_at", Double),  # NULL while it is on, or until another process takes over what a dead one left
    Column("wire", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("callee", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("bot", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("language", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("ended_by", Text, nullable=False, server_default=""),
    Column("fault", Text, nullable=False, server_default=""),
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("barge_ins", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),
    Column("duration_ms", Integer),
    Column("first_audio_ms", Integer),
    Column("heard_ms", BigInteger),  # these and `cost`: bridge/records/engine_use.py; NULL until the call has ended
    Column("spoken_chars", BigInteger),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cost", Double),
    Index("calls_by_time", "began_at"),
    Index("calls_by_call_id", "call_id"),
    Index("calls_by_caller", "caller"),
    Index("calls_by_callee", "callee"),
)
"""One row a call."""

ENTRIES: Final = Table(
    "entries",
    METADATA,
    Column("record", ForeignKey("calls.record", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("data", JSON, nullable=False),
)
"""What happened in it, in order: docs/records.md lists the kinds."""

ERASURES: Final = Table(
    "erasures",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("record", String(64), nullable=False, server_default=""),
    Column("phone", Text, nullable=False, server_default=""),
)
"""What was deleted on request: what a backlog still holds of it is not written again."""

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("record", ForeignKey("calls.record", ondelete="CASCADE"), primary_key=True),
    Column("told", Integer, nullable=False, server_default="0"),  # entries up to this number were told
    Column("newest", Integer, nullable=False),  # the highest number of an entry that is to be told
    Column("due_at", Double),  # NULL: nothing is to be told; else nobody else looks at it before
    Column("failing_since", Double),  # since when the entry behind `told` has not been taken; NULL: it was not tried
    Column("tries", Integer, nullable=False, server_default="0"),
    Index("deliveries_due", "due_at"),
)
"""How far the webhook was told of each call. Calls of which it is to be told nothing have no row."""

ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("call_id", String(64), primary_key=True),
    Column("ordered_at", Double, nullable=False),  # by the database's clock, as all times of this table
    Column("callee", Text, nullable=False),
    Column("wire", Text, nullable=False),
    Column("request", JSON, nullable=False),  # as POST /calls had it
    Column("idempotency_key", String(255), unique=True),
    Column("status", String(16), nullable=False, server_default="queued"),  # `ringing` is written before the dial
    Column("outcome", String(16)),
    Column("reason", Text, nullable=False, server_default=""),
    Column("answered_by", String(16), nullable=False, server_default=""),
    Column("owner", String(64)),  # the node that has it in hand; NULL while any may take it
    Column("ended_at", Double),
    Column("taken_back_by", Text),  # who wants it ended, until its owner has seen to that
    Index("orders_by_status", "status", "ordered_at"),
    Index("orders_by_callee", "callee"),
)
"""Calls that clients ordered from any of the bridges on this database."""

NODES: Final = Table(
    "nodes",
    METADATA,
    Column("node", String(64), primary_key=True),
    Column("seen_at", Double, nullable=False),
)
"""The processes that take orders, and when they last said that they live."""


def database_now(connection: AsyncConnection) -> ColumnElement[float]:
    """Return seconds since 1970 by the database's clock, in the middle of a transaction too."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", func.clock_timestamp()), Double)
    return cast((func.julianday("now") - 2440587.5) * 86_400.0, Double)


def shared_now(connection: AsyncConnection) -> ColumnElement[float]:
    """Return the same where machines share the database, else this machine's time, as SQLite is one machine's."""
    return database_now(connection) if connection.dialect.name == "postgresql" else literal(time.time())


async def ahead_s(connection: AsyncConnection, wall_s: float) -> float:
    """Return by how much the database's clock is ahead of `wall_s`, this machine's; 0 where they are one machine."""
    if connection.dialect.name != "postgresql":
        return 0.0
    return float((await connection.execute(select(database_now(connection)))).scalar_one()) - wall_s
