"""Where the orders of a server are: in PostgreSQL, where that has its call log, else in its memory."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

from bridge.containment import beside
from bridge.outbound.dialler import Dialler
from bridge.outbound.orders.orders import CallOrders, OwnOrders
from bridge.records.call_log import CallLog
from bridge.records.events.live import NotOnTheLine
from bridge.settings import Settings

_HOST_CHARS = 50


@asynccontextmanager
async def shared_or_own(settings: Settings, call_log: CallLog, dialler: Dialler) -> AsyncIterator[CallOrders]:
    """Yield the orders that `dialler` places.

    A file of SQLite is one machine's, where servers of other settings may write their calls, too: what is ordered from
    one must not be placed by another.
    """
    database = call_log.database
    if database is None or database.engine.dialect.name != "postgresql":
        yield OwnOrders(dialler)
        return
    from bridge.outbound.orders.shared import SharedOrders

    def end_live(call_id: str, by: str) -> None:
        if live := call_log.live.get(call_id):
            with suppress(NotOnTheLine):  # it has just ended
                live.end(by=by)

    node = f"{socket.gethostname()[:_HOST_CHARS]}-{uuid4().hex[:8]}"
    orders = SharedOrders(database, dialler, node=node, wait_s=settings.dial_wait, end_live=end_live)
    try:
        async with beside(orders.run(), "the taking of orders"):
            yield orders
    finally:
        await orders.close()
