"""The tables of the call log. Migrations (`migrations/`) make them; a test holds both to each other."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text

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
