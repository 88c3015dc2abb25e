"""Calls that were ordered, and the processes that take orders."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "orders",
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("ordered_at", sa.Double, nullable=False),
        sa.Column("callee", sa.Text, nullable=False),
        sa.Column("wire", sa.Text, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("status", sa.String(16), nullable=False, server_default="queued"),
        sa.Column("outcome", sa.String(16)),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("answered_by", sa.String(16), nullable=False, server_default=""),
        sa.Column("owner", sa.String(64)),
        sa.Column("ended_at", sa.Double),
        sa.Column("taken_back_by", sa.Text),
    )
    op.create_index("orders_by_status", "orders", ["status", "ordered_at"])
    op.create_index("orders_by_callee", "orders", ["callee"])
    op.create_table(
        "nodes",
        sa.Column("node", sa.String(64), primary_key=True),
        sa.Column("seen_at", sa.Double, nullable=False),
    )
