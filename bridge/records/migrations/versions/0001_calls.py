"""Calls, what happened in them, an index of its words, and what was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


_SQLITE_WORDS = """
CREATE VIRTUAL TABLE entry_words USING fts5(text, content='entries', content_rowid='rowid');

CREATE TRIGGER entry_words_added AFTER INSERT ON entries WHEN new.text != '' BEGIN
    INSERT INTO entry_words(rowid, text) VALUES (new.rowid, new.text);
END;

CREATE TRIGGER entry_words_removed AFTER DELETE ON entries WHEN old.text != '' BEGIN
    INSERT INTO entry_words(entry_words, rowid, text) VALUES ('delete', old.rowid, old.text);
END;

CREATE TRIGGER entry_words_changed AFTER UPDATE OF text ON entries WHEN old.text != '' BEGIN
    INSERT INTO entry_words(entry_words, rowid, text) VALUES ('delete', old.rowid, old.text);
    INSERT INTO entry_words(rowid, text) SELECT new.rowid, new.text WHERE new.text != '';
END;
"""
_POSTGRESQL_WORDS = "CREATE INDEX entry_words ON entries USING gin (to_tsvector('simple', text)) WHERE text != ''"


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
    sqlite = op.get_bind().dialect.name == "sqlite"
    words = _SQLITE_WORDS if sqlite else _POSTGRESQL_WORDS
    for statement in words.strip().split("\n\n"):
        op.execute(statement)
