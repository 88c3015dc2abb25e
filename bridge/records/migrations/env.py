"""Run by Alembic: brings the tables up to date, on the connection that it is given."""

from alembic import context

from bridge.records.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
