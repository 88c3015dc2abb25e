"""Stands before every route: what a request must show is asked here, once, and a refusal is told of."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from bridge.admission.refusals import Refusals
from bridge.server.access.connections import Connections
from bridge.server.access.doors import Asks, Door, door_at
from bridge.server.access.hosts import check_host, peer
from bridge.server.access.refused import Refusal
from bridge.server.auth import asks_for_socket, check_client, check_twilio
from bridge.settings import Settings

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def doorkeeper(settings: Settings, refusals: Refusals, connections: Connections) -> Middleware:
    """Return the middleware that lets requests in by their doors."""

    @web.middleware
    async def admit(request: web.Request, handler: _Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        door = door_at(resource.canonical if resource else "", socket=asks_for_socket(request))
        with connections.request(request.transport):
            try:
                check_host(request, settings)
                if resource:
                    await _check(door, request, settings)
                return await handler(request)
            except Refusal as refused:
                refusals.note(door.name, refused.why, peer=peer(request, settings), detail=refused.detail)
                raise

    return admit


async def _check(door: Door, request: web.Request, settings: Settings) -> None:
    match door.asks:
        case Asks.API_TOKEN:
            check_client(request, settings)
        case Asks.TWILIO_SIGNATURE:
            await check_twilio(request, settings)
        case Asks.NOTHING:
            pass
