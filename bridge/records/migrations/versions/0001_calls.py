"""Calls, what happened in them, and what was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "calls",
        sa.Column("record", sa.String(64), primary_key=True),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("wire", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("callee", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("bot", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("ended_by", sa.Text, nullable=False, server_default=""),
        sa.Column("fault", sa.Text, nullable=False, server_default=""),
        sa.Column("turns", sa.Integer, nullable=False, server_default="0"),
        sa.Column("barge_ins", sa.Integer, nullable=False, server_default="0"),
        sa.Column("faults", sa.Integer, nullable=False, server_default="0"),
        sa.Column("duration_ms", sa.Integer),
        sa.Column("first_audio_ms", sa.Integer),
    )
    for name, column in (("time", "began_at"), ("call_id", "call_id"), ("caller", "caller"), ("callee", "callee")):
        op.create_index(f"calls_by_{name}", "calls", [column])
    op.create_table(
        "entries",
        sa.Column("record", sa.String(64), sa.ForeignKey("calls.record", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("record", sa.String(64), nullable=False, server_default=""),
        sa.Column("phone", sa.Text, nullable=False, server_default=""),
    )
