"""How far the webhook was told of each call."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "deliveries",
        sa.Column("record", sa.String(64), sa.ForeignKey("calls.record", ondelete="CASCADE"), primary_key=True),
        sa.Column("told", sa.Integer, nullable=False, server_default="0"),
        sa.Column("newest", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("failing_since", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("deliveries_due", "deliveries", ["due_at"])
