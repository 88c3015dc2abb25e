"""What time it is for all who share a database: the clocks of their machines may differ."""

import time

from sqlalchemy import ColumnElement, Double, cast, extract, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection


def now(connection: AsyncConnection) -> ColumnElement[float]:
    """Return seconds since 1970 by the database's clock, in the middle of a transaction too."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", func.clock_timestamp()), Double)
    return cast((func.julianday("now") - 2440587.5) * 86_400.0, Double)


def shared_now(connection: AsyncConnection) -> ColumnElement[float]:
    """Return the same where machines share the database, else this machine's time, as SQLite is one machine's."""
    return now(connection) if connection.dialect.name == "postgresql" else literal(time.time())


async def ahead_s(connection: AsyncConnection, wall_s: float) -> float:
    """Return by how much the database's clock is ahead of `wall_s`, this machine's; 0 where they are one machine."""
    if connection.dialect.name != "postgresql":
        return 0.0
    return float((await connection.execute(select(now(connection)))).scalar_one()) - wall_s
