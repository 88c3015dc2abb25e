"""POST /calls for clients, and the routes on which Twilio reports the calls it placed for us."""

import json
from typing import Final

from aiohttp import web

from bridge.admission.refusals import Why
from bridge.outbound.call_request import BadCallRequest, read
from bridge.outbound.dialler import Closing, Dialler, Full, NotAllowed, TooLoaded
from bridge.outbound.leg import PlacedCall
from bridge.outbound.streamed_call import StreamedCall
from bridge.outbound.twilio import TwilioTrunk, note_status
from bridge.server.access.forms import read_body, read_form
from bridge.server.access.refused import Forbidden
from bridge.server.api.answers import LATER, problem
from bridge.server.websocket_upgrade import upgrade
from telephony.twilio import TwilioProtocol

DIALLER: Final = web.AppKey("dialler", Dialler)
TRUNK: Final = web.AppKey("trunk", TwilioTrunk)


def routes() -> list[web.RouteDef]:
    """Return the routes that order calls, and serve Twilio."""
    return [
        web.post("/calls", _order),
        web.get("/twilio/stream/{id}", _twilio_stream),
        web.post("/twilio/status/{id}", _twilio_status),
    ]


async def _order(request: web.Request) -> web.Response:
    dialler = request.app[DIALLER]
    try:
        placed = dialler.place(read(json.loads(await read_body(request))))
    except BadCallRequest as error:
        return problem(400, str(error))
    except (ValueError, RecursionError) as error:
        return problem(400, f"body: no JSON: {error}")
    except NotAllowed as error:
        raise Forbidden(Why.NUMBER, str(error), json=True) from None
    except Full as error:
        return problem(429, str(error), LATER)
    except (Closing, TooLoaded) as error:
        return problem(503, str(error), LATER)
    return web.json_response(told(placed), status=202, headers={"Location": f"/calls/{placed.call_id}"})


async def _twilio_stream(request: web.Request) -> web.StreamResponse:
    call = _twilio_call(request)
    if not call.awaited:
        raise web.HTTPConflict(text="this call has its stream\n")
    socket, leg = await upgrade(request, TwilioProtocol(), request.app[DIALLER].settings)
    await call.connect(leg)
    return socket


async def _twilio_status(request: web.Request) -> web.Response:
    form = await read_form(request)
    note_status(_twilio_call(request), form.get("CallStatus", ""))
    return web.Response(status=204)


def _twilio_call(request: web.Request) -> StreamedCall:
    trunk = request.app.get(TRUNK)
    call = trunk.get(request.match_info["id"]) if trunk else None
    if call is None:
        raise web.HTTPNotFound(text="no call waits for this\n")
    return call


def told(placed: PlacedCall) -> dict[str, object]:
    """Return what has become of a call that was ordered."""
    return {
        "call_id": placed.call_id,
        "to": placed.request.to,
        "wire": placed.wire,
        "status": placed.status,
        "outcome": placed.outcome,
        "answered_by": placed.answered_by,
        "reason": placed.reason,
    }
