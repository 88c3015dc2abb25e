"""Stands before every route of a worker: a request that another worker must answer, or could, goes there."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from bridge.admission.scoreboard import Scoreboard
from bridge.server.api.answers import LATER, problem
from bridge.server.app_keys import LINES, SIBLINGS
from bridge.server.auth import asks_for_socket
from bridge.server.siblings.passing import give
from bridge.server.siblings.private_app import owns

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def elsewhere(scoreboard: Scoreboard) -> Middleware:
    """Return the middleware. It comes after the one that lets requests in."""

    @web.middleware
    async def look(request: web.Request, handler: _Handler) -> web.StreamResponse:
        siblings = request.app[SIBLINGS]
        if _orders_call(request) and siblings.number != 1 and not siblings.first():
            return problem(503, "calls out are placed by worker 1, which is being started", LATER)
        row = await _of_call(request) if _names_call(request) else _for_new_call(request, scoreboard)
        path = request.app[SIBLINGS].passing_path(row) if row is not None else None
        if path and await give(request, path):
            return web.Response()  # on a connection that is closed: nobody gets it
        return await handler(request)

    return look


def _orders_call(request: web.Request) -> bool:
    return request.method == hdrs.METH_POST and request.path == "/calls"


def _names_call(request: web.Request) -> bool:
    return bool(request.match_info.keys() & {"id", "record"})


async def _of_call(request: web.Request) -> int | None:
    """Return the row of the worker that has the call which the path names; None where it is this one, or none."""
    name = request.match_info.get("id") or request.match_info.get("record") or ""
    if not name.isprintable() or owns(request.app, name):
        return None
    owner = await request.app[SIBLINGS].owner(name)
    return owner.row if owner else None


def _for_new_call(request: web.Request, scoreboard: Scoreboard) -> int | None:
    """Return the row of the worker that a new call is for; None where it is this one, or any.

    Orders go to the first worker: it has the ports to call out by, and one dialler keeps the limits of calls out.
    """
    siblings, lines = request.app[SIBLINGS], request.app[LINES]
    if _orders_call(request):
        first = siblings.first() if siblings.number != 1 or lines.draining else None
        return first.row if first else None
    may_be_call = request.method == hdrs.METH_POST or asks_for_socket(request)
    if may_be_call and (lines.draining or lines.overload):
        return scoreboard.freest(but=siblings.row)
    return None
