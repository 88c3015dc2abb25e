"""What workers ask each other, on a Unix socket in a folder that only this user may enter.

/owns/NAME      {"owns": true}: the call is placed, carried or was just carried by this worker
/health         what /healthz and /readyz say of this worker alone
/calls          the rows of its calls: {"live": [...], "held": [...]}
/entries        what happens on its calls, a line of JSON each, for as long as it is read
/levels         how loud they are, in the same way
/transcripts    what is said on those that are only listened to, as a client of /?listen=* gets it: ["CALL", "{...}"]
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from aiohttp import web

from bridge.listening.listener import message_of
from bridge.listening.transcript_feed import EVERY_CALL, FeedClosed, TooManyListeners
from bridge.records.events.live import TooManyFollow
from bridge.server.api.calls import DIALLER, TRUNK
from bridge.server.app_keys import CALL_LOG, FEED, HEALTH, LEVELS, WATCHED_CALLS

_Follow = Callable[[web.Application], AsyncIterator[bytes]]
_LEVELS_WAITING: Final = 1000
_SIGN_OF_LIFE_S: Final = 15.0


def owns(app: web.Application, name: str) -> bool:
    """Return whether the call of that name is one of this worker: by its record, its id on its wire, or its order."""
    trunk = app.get(TRUNK)
    return bool(
        app[CALL_LOG].live.get(name)
        or app[DIALLER].get(name)
        or app[WATCHED_CALLS].get(name)
        or (trunk and trunk.get(name))
    )


def private_app(app: web.Application) -> web.Application:
    """Return what answers for `app` alone."""
    asked = web.Application()

    async def tell_owner(request: web.Request) -> web.Response:
        return web.json_response({"owns": owns(app, request.match_info["name"])})

    async def tell_health(_: web.Request) -> web.Response:
        return web.json_response(await app[HEALTH].told())

    async def tell_calls(_: web.Request) -> web.Response:
        live = app[CALL_LOG].live
        told = {"live": [call.row for call in live.on_the_line()], "held": [call.row for call in live.held()]}
        return web.json_response(told)

    def following(follow: _Follow) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def tell(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            with suppress(ConnectionError):
                async for item in follow(app):
                    await response.write(item + b"\n")
            return response

        return tell

    asked.add_routes(
        [
            web.get("/owns/{name}", tell_owner),
            web.get("/health", tell_health),
            web.get("/calls", tell_calls),
            web.get("/entries", following(_entries)),
            web.get("/levels", following(_levels)),
            web.get("/transcripts", following(_transcripts)),
        ]
    )
    return asked


async def _entries(app: web.Application) -> AsyncIterator[bytes]:
    with suppress(TooManyFollow), app[CALL_LOG].live.follow() as follower:
        while entry := await follower.next():
            yield entry.to_json()


async def _levels(app: web.Application) -> AsyncIterator[bytes]:
    waiting = asyncio.Queue[Mapping[str, object]](_LEVELS_WAITING)

    def note(event: Mapping[str, object]) -> None:
        with suppress(asyncio.QueueFull):  # they are kept nowhere: whoever misses some misses nothing
            waiting.put_nowait(event)

    with app[LEVELS].told(note):
        while not app[LEVELS].closed:
            try:
                async with asyncio.timeout(_SIGN_OF_LIFE_S):
                    yield json.dumps(await waiting.get()).encode()
            except TimeoutError:
                yield b"{}"


async def _transcripts(app: web.Application) -> AsyncIterator[bytes]:
    with suppress(TooManyListeners, FeedClosed), app[FEED].subscribe(EVERY_CALL) as subscription:
        while True:
            event, _ = await subscription.get()
            yield json.dumps([event.call.call_id, message_of(event)]).encode()
