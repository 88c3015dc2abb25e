"""What the engines did for each call."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns: of calls that were before, nobody counted it."""
    for name in ("heard_ms", "spoken_chars", "input_tokens", "output_tokens"):
        op.add_column("calls", sa.Column(name, sa.BigInteger))
    op.add_column("calls", sa.Column("cost", sa.Double))
