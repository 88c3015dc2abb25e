"""Stands before every route: what a request must show is asked here, once, and a refusal is told of."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from bridge.admission.refusals import Refusals
from bridge.server.access.connections import Connections
from bridge.server.access.doors import Asks, Door, door_at
from bridge.server.access.hosts import check_host, peer
from bridge.server.access.in_force import InForce
from bridge.server.access.refused import Refusal
from bridge.server.auth import SHOWN, asks_for_socket, check_client, check_twilio
from bridge.server.carriers.door import check_carrier
from telephony.carriers.catalogue import BY_NAME

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def doorkeeper(in_force: InForce, refusals: Refusals, connections: Connections) -> Middleware:
    """Return the middleware that lets requests in by their doors."""

    @web.middleware
    async def admit(request: web.Request, handler: _Handler) -> web.StreamResponse:
        resource, settings = request.match_info.route.resource, in_force.settings
        door = door_at(resource.canonical if resource else "", socket=asks_for_socket(request))
        with connections.request(request.transport):
            try:
                check_host(request, settings)
                if resource:
                    await _check(door, request, in_force)
                return await handler(request)
            except Refusal as refused:
                refusals.note(door.name, refused.why, peer=peer(request, settings), detail=refused.detail)
                raise

    return admit


async def _check(door: Door, request: web.Request, in_force: InForce) -> None:
    settings = in_force.settings
    match door.asks:
        case Asks.API_TOKEN:
            request[SHOWN] = check_client(request, settings, in_force.tokens, needs=door.needs(request.method))
        case Asks.TWILIO_SIGNATURE:
            await check_twilio(request, settings)
        case Asks.CARRIER_SIGNATURE:
            await check_carrier(request, settings, in_force.tokens, carrier=BY_NAME[door.carrier])
        case Asks.NOTHING:
            pass
