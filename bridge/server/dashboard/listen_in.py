"""GET /calls/{id}/listen: a WebSocket on which an operator hears a live call, both sides mixed.

Binary messages: 16 bit samples, little-endian, mono, 8000 Hz, some 100 ms each. What the listener says means nothing.
That somebody listens stands in the call's record and in the log before the first sound leaves.
"""

import asyncio
import logging
from typing import Final

from aiohttp import WSCloseCode, web

from bridge.monitoring.call_sound import CallSound
from bridge.monitoring.watched_calls import WatchedCall, WatchedCalls
from bridge.server.access.hosts import peer
from bridge.server.api.answers import shown
from bridge.server.app_keys import SETTINGS, WATCHED_CALLS
from bridge.server.auth import asks_for_socket
from bridge.server.websocket_upgrade import accept
from bridge.timeouts import timeout

log = logging.getLogger(__name__)

_EVERY_S: Final = 0.1
_MOST_OF_A_CALL: Final = 3
_MOST: Final = 10
"""Listeners of all calls: each costs what a mix, a filter and a socket cost, while calls need the machine."""

LISTENERS: Final = web.AppKey("listeners", set[str])


def routes() -> list[web.RouteDef]:
    """Return the route."""
    return [web.get("/calls/{id}/listen", _listen, allow_head=False)]


async def _listen(request: web.Request) -> web.StreamResponse:
    call = request.app[WATCHED_CALLS].get(request.match_info["id"])
    if call is None:
        return web.json_response({"error": "no such call is on now"}, status=404)
    with call.leg.watched() as sound:
        busy = _busy(sound, request.app[LISTENERS])
        if busy:
            return web.json_response({"error": busy}, status=503, headers={"Retry-After": "5"})
        if not asks_for_socket(request):  # a page that was refused asks again without, to learn why
            return web.json_response({"error": "this is a WebSocket: ask for an upgrade"}, status=426)
        name = f"{id(request):x}"
        request.app[LISTENERS].add(name)
        try:
            return await _tell(request, call, sound)
        finally:
            request.app[LISTENERS].discard(name)


def _busy(sound: CallSound, listeners: set[str]) -> str:
    if sound.listeners >= _MOST_OF_A_CALL:
        return f"{_MOST_OF_A_CALL} listen to this call already"
    return f"{_MOST} listen to calls already" if len(listeners) >= _MOST else ""


async def _tell(request: web.Request, call: WatchedCall, sound: CallSound) -> web.StreamResponse:
    settings, live = request.app[SETTINGS], request.app[WATCHED_CALLS]
    listener = sound.listen()  # now: the place is taken before anything is awaited
    try:
        socket = await accept(request, settings, pings=True)
        who = peer(request, settings)
        call.journal.listened("began", peer=who, by=shown(request).name)
        log.info("%s listens in to call %s", who, call.journal.facts.get("call_id", ""))
        leaving = asyncio.create_task(_until_gone(socket))
        try:
            while not leaving.done() and _is_on(live, call):
                if payload := listener.take():
                    async with timeout(settings.send_timeout):
                        await socket.send_bytes(payload)
                await asyncio.wait({leaving}, timeout=_EVERY_S)
        except (ConnectionError, TimeoutError):
            pass  # it is gone, or does not read: nobody is left to tell
        finally:
            leaving.cancel()
            if _is_on(live, call):
                call.journal.listened("ended", peer=who, by=shown(request).name)
            lost = f", {listener.lost_ms} ms were lost: it reads too slowly" if listener.lost_ms else ""
            log.info("%s listens to call %s no longer%s", who, call.journal.facts.get("call_id", ""), lost)
        await socket.close(code=WSCloseCode.OK, message=b"the call is over")
    finally:
        sound.leave(listener)
    return socket


def _is_on(live: WatchedCalls, call: WatchedCall) -> bool:
    return live.get(call.journal.record) is call


async def _until_gone(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass
