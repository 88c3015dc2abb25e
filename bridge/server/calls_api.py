"""POST /calls and GET /calls/ID for clients, and the routes on which Twilio reports the calls it placed for us."""

import json
from typing import Final

from aiohttp import web

from bridge.admission.refusals import Why
from bridge.outbound.call_request import BadCallRequest, read
from bridge.outbound.dialler import Closing, Dialler, Full, NotAllowed, TooLoaded
from bridge.outbound.leg import PlacedCall
from bridge.outbound.twilio import TwilioCall, TwilioTrunk
from bridge.server.access.forms import read_body, read_form
from bridge.server.access.refused import Forbidden
from bridge.server.websocket_upgrade import upgrade
from telephony.twilio import TwilioProtocol

DIALLER: Final = web.AppKey("dialler", Dialler)
TRUNK: Final = web.AppKey("trunk", TwilioTrunk)

_RETRY: Final = {"Retry-After": "5"}


def routes() -> list[web.RouteDef]:
    """Return the routes that order calls, tell their state, and serve Twilio."""
    return [
        web.post("/calls", _order),
        web.get("/calls/{id}", _state),
        web.get("/twilio/stream/{id}", _twilio_stream),
        web.post("/twilio/status/{id}", _twilio_status),
    ]


async def _order(request: web.Request) -> web.Response:
    dialler = request.app[DIALLER]
    try:
        placed = dialler.place(read(json.loads(await read_body(request))))
    except BadCallRequest as error:
        return _problem(400, str(error))
    except (ValueError, RecursionError) as error:
        return _problem(400, f"body: no JSON: {error}")
    except NotAllowed as error:
        raise Forbidden(Why.NUMBER, str(error), json=True) from None
    except Full as error:
        return _problem(429, str(error), _RETRY)
    except (Closing, TooLoaded) as error:
        return _problem(503, str(error), _RETRY)
    return web.json_response(_told(placed), status=202, headers={"Location": f"/calls/{placed.call_id}"})


async def _state(request: web.Request) -> web.Response:
    dialler = request.app[DIALLER]
    placed = dialler.get(request.match_info["id"])
    if placed is None:
        return _problem(404, "no such call, or it ended long ago")
    return web.json_response(_told(placed))


async def _twilio_stream(request: web.Request) -> web.StreamResponse:
    call = _twilio_call(request)
    if not call.awaited:
        raise web.HTTPConflict(text="this call has its stream\n")
    socket, leg = await upgrade(request, TwilioProtocol(), request.app[DIALLER].settings)
    await call.connect(leg)
    return socket


async def _twilio_status(request: web.Request) -> web.Response:
    form = await read_form(request)
    _twilio_call(request).progress(form.get("CallStatus", ""))
    return web.Response(status=204)


def _twilio_call(request: web.Request) -> TwilioCall:
    trunk = request.app.get(TRUNK)
    call = trunk.get(request.match_info["id"]) if trunk else None
    if call is None:
        raise web.HTTPNotFound(text="no call waits for this\n")
    return call


def _told(placed: PlacedCall) -> dict[str, object]:
    return {
        "call_id": placed.call_id,
        "to": placed.request.to,
        "wire": placed.wire,
        "status": placed.status,
        "outcome": placed.outcome,
        "answered_by": placed.answered_by,
        "reason": placed.reason,
    }


def _problem(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=headers)
