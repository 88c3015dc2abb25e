"""GET /events/levels: how loud both sides of all live calls are, as server-sent events (bridge/monitoring/levels.py).

Apart from the events of calls: those are kept and come each, these are many, and whoever is slow gets the newest only.
"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import hdrs, web

from bridge.monitoring.levels import Levels
from bridge.server.app_keys import LEVELS, SETTINGS, SIBLINGS
from bridge.timeouts import timeout

_EVERY_S: Final = 0.1
_SIGN_OF_LIFE: Final = 50
"""Rounds without a level after which a comment is sent: a peer that is gone is noticed by it."""
_MOST: Final = 20
_HEADERS: Final = {hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store", "X-Accel-Buffering": "no"}


def routes() -> list[web.RouteDef]:
    """Return the route."""
    return [web.get("/events/levels", _levels, allow_head=False)]


async def _levels(request: web.Request) -> web.StreamResponse:
    levels, send_s = request.app[LEVELS], request.app[SETTINGS].send_timeout
    if levels.followers >= _MOST:
        error = {"error": f"{_MOST} follow the levels already"}
        return web.json_response(error, status=503, headers={"Retry-After": "5"})
    response = web.StreamResponse(headers=_HEADERS)
    newest: dict[object, Mapping[str, object]] = {}

    def note(event: Mapping[str, object]) -> None:
        newest[event["record"]] = event

    with levels.told(note):
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):  # it is gone, or does not read: nobody is left to tell
            async with request.app[SIBLINGS].levels(note):
                await _send(response, levels, newest, send_s=send_s)
    return response


async def _send(
    response: web.StreamResponse, levels: Levels, newest: dict[object, Mapping[str, object]], *, send_s: float
) -> None:
    quiet = 0
    while not levels.closed:
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in newest.values())
        newest.clear()
        quiet = 0 if text else quiet + 1
        if text or quiet % _SIGN_OF_LIFE == 1:
            async with timeout(send_s):
                await response.write(text.encode() or b":\n\n")
        await asyncio.sleep(_EVERY_S)
