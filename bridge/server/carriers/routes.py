"""The routes of carriers besides Twilio: /NAME/voice, /NAME/stream, and those of calls that we placed over them."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Final

from aiohttp import web

from bridge.admission.load import Whose
from bridge.leg import OpeningLeg
from bridge.legs.carriers.leg import CarrierLeg
from bridge.legs.carriers.profiles import PROFILES
from bridge.legs.carriers.rest import CarrierRefused, CarrierRest
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.outbound.carrier_trunk import CarrierTrunk
from bridge.outbound.streamed_call import StreamedCall
from bridge.server.access.forms import read_body, read_form
from bridge.server.app_keys import CARRIER_APIS, CARRIER_TRUNKS, IN_FORCE, LINES, METRICS, SETTINGS
from bridge.server.auth import public_url
from bridge.server.carriers.door import KNOWN_BEFORE, ticket_key
from bridge.server.websocket_upgrade import upgrade
from bridge.settings import Settings
from telephony.carriers import tickets
from telephony.carriers.answers import JSON
from telephony.carriers.catalogue import CARRIERS, Carrier
from telephony.carriers.webhooks import MOST_CHARS, Asked, told_by
from telephony.jsontext import Fields, objects_of_body
from telephony.wire_protocol import WireProtocol
from telephony.wires import WIRES

log = logging.getLogger(__name__)

_MOST_EVENTS: Final = 16
"""In one request; Azure's Event Grid sends them one by one unless it is told to collect them."""
_SHOWN_CHARS: Final = 64
_DISCONTINUOUS: Final = frozenset(wire.name for wire in WIRES if wire.discontinuous)


def routes() -> list[web.RouteDef]:
    """Return them; the streams of calls that come in are those of `bridge.server.routes`, as of all wires."""
    return [route for carrier in CARRIERS if carrier.webhook for route in _of(carrier)]


def _of(carrier: Carrier) -> list[web.RouteDef]:
    place, voice, answer = f"/{carrier.name}", partial(_voice, carrier=carrier), partial(_answer, carrier=carrier)
    return [
        *(web.route(method, place + end, voice) for method in ("GET", "POST") for end in ("/voice", "/voice/")),
        web.get(f"{place}/outbound/{{id}}", partial(_outbound, carrier=carrier)),
        *(web.route(method, f"{place}/answer/{{id}}", answer) for method in ("GET", "POST")),
        *(web.route(way, f"{place}/status/{{id}}", partial(_status, carrier=carrier)) for way in ("GET", "POST")),
        *(web.route(way, f"{place}/status", partial(_status, carrier=carrier)) for way in ("GET", "POST")),
        *_transfers(carrier),
    ]


def _transfers(carrier: Carrier) -> list[web.RouteDef]:
    if (dial := carrier.dial) is None:
        return []
    return [web.route(way, f"/{carrier.name}/transfer", partial(_transfer, dial=dial)) for way in ("GET", "POST")]


def stream_of(request: web.Request, carrier: Carrier) -> tuple[WireProtocol, AbstractContextManager[None]]:
    """Return the protocol of the stream that `request` opens, and its line."""
    known = request.get(KNOWN_BEFORE)
    line = request.app[LINES].take(judged=known is None)  # the webhook that gave the ticket has asked before
    return carrier.protocol(_told_of(request, carrier, known or {})), line


def equipped(request: web.Request, carrier: Carrier, leg: OpeningLeg) -> OpeningLeg:
    """Return `leg`, the stream of a call that comes in, with what the carrier's API adds to it."""
    rest = request.app[CARRIER_APIS].get(carrier.name)
    return CarrierLeg(_filled(carrier, leg), rest) if rest else _filled(carrier, leg)


def _filled(carrier: Carrier, leg: OpeningLeg) -> OpeningLeg:
    """Return `leg` with audio that never stops."""
    return SilenceFilledLeg(leg) if carrier.name in _DISCONTINUOUS else leg


def _told_of(request: web.Request, carrier: Carrier, known: Mapping[str, str]) -> dict[str, str]:
    """Return what is known of the call whose stream `request` opens, of which `known` was before.

    What the query of its address says counts least, what its headers say most: they name the call.
    """
    if not carrier.headers:
        return dict(known)
    told = {ours: request.headers[theirs] for theirs, ours in carrier.headers.items() if theirs in request.headers}
    return {**told_by(request.query, {}, ()), **known, **{name: value[:MOST_CHARS] for name, value in told.items()}}


# ---------------------------------------------------------------- webhooks


async def _voice(request: web.Request, *, carrier: Carrier) -> web.Response:
    """Answer the webhook of a call, or of several that are told of together."""
    form, bodies = await _told(request)
    asked = [carrier.asked(request.query, form, body) for body in bodies]
    answers = [await _answered(request, carrier, one) for one in asked]
    return answers[-1]


async def _answered(request: web.Request, carrier: Carrier, asked: Asked) -> web.Response:
    """Connect a call to our stream, or say that we are busy."""
    if asked.over:
        return web.Response(text=asked.reply, content_type=JSON) if asked.reply else web.Response(status=200)
    app, settings = request.app, request.app[IN_FORCE].settings
    if busy := app[LINES].refusal(Whose.CALLS):
        app[METRICS].refused.labels(busy.reason).inc()
        return await _say(
            carrier, asked, app[CARRIER_APIS], document=carrier.busy(_ordered(carrier, settings)), action="reject"
        )
    told = {**asked.told, **_told_format(carrier, settings)}
    ticket = tickets.write(ticket_key(settings), carrier.name, told, now_s=time.time(), most_chars=carrier.ticket_chars)
    url = f"{public_url(request, settings, socket=True)}/{carrier.name}/stream/{ticket}"
    document = carrier.stream(url, _ordered(carrier, settings), told.get("CallSid", ""))
    status = f"{public_url(request, settings, socket=False)}/{carrier.name}/status"
    return await _say(carrier, asked, app[CARRIER_APIS], document=document, action="answer", stream=url, status=status)


async def _say(
    carrier: Carrier, asked: Asked, apis: Mapping[str, CarrierRest], *, document: str, action: str, **how: str
) -> web.Response:
    """Answer with `document`, or, for a call that is answered over the API, do `action`, as `how` says."""
    if not asked.answer:
        return web.Response(text=document, content_type=carrier.content_type)
    if (rest := apis.get(carrier.name)) is None:
        needs = ", ".join(f"BRIDGE_{name.upper()}" for name in PROFILES[carrier.name].needs)
        raise web.HTTPNotImplemented(text=f"calls of this kind are answered over the API: set {needs}\n")
    try:
        await rest.ask(action, call=asked.answer, **how)
    except CarrierRefused as why:
        log.warning("call %s is not answered: %s", asked.answer[:_SHOWN_CHARS], why)
        raise web.HTTPBadGateway(text="the call could not be answered\n") from None
    return web.Response(status=200)


def _ordered(carrier: Carrier, settings: Settings) -> str:
    """Return the format that streams are ordered in."""
    return str(getattr(settings, carrier.format)) if carrier.format else ""


def _told_format(carrier: Carrier, settings: Settings) -> dict[str, str]:
    return {carrier.told_format: _ordered(carrier, settings)} if carrier.told_format else {}


async def _told(request: web.Request) -> tuple[Mapping[str, str], Sequence[Fields]]:
    """Return the form and the JSON objects in a request; one of them is empty, and objects there are at least one."""
    if request.content_type != JSON:
        return await read_form(request), [{}]
    try:
        return {}, objects_of_body(await read_body(request), at_most=_MOST_EVENTS)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"body: {error}\n") from None


async def _transfer(request: web.Request, *, dial: Callable[[str], str]) -> web.Response:
    """Say where a call goes that the bot puts through: the address that the carrier got from us tells it."""
    return web.Response(text=dial(request.query.get("to", "")), content_type="text/xml")


# ---------------------------------------------------------------- calls that we placed


async def _outbound(request: web.Request, *, carrier: Carrier) -> web.StreamResponse:
    _, call = _placed(request, carrier)
    if not call.awaited:
        raise web.HTTPConflict(text="this call has its stream\n")
    settings = request.app[SETTINGS]
    told = _told_of(request, carrier, _told_format(carrier, settings))
    socket, leg = await upgrade(request, carrier.protocol(told), settings)
    await call.connect(_filled(carrier, leg))
    return socket


async def _answer(request: web.Request, *, carrier: Carrier) -> web.Response:
    _placed(request, carrier)
    settings, (form, bodies) = request.app[SETTINGS], await _told(request)
    asked = carrier.asked(request.query, form, bodies[0])
    host = public_url(request, settings, socket=True)
    stream = f"{host}/{carrier.name}/outbound/{request.match_info['id']}"
    document = carrier.stream(stream, _ordered(carrier, settings), asked.told.get("CallSid", ""))
    return web.Response(text=document, content_type=carrier.content_type)


async def _status(request: web.Request, *, carrier: Carrier) -> web.Response:
    """Take what a carrier tells of calls: of one that we placed, whose id is in the path, and of any other."""
    form, bodies = await _told(request)
    rest = request.app[CARRIER_APIS].get(carrier.name)
    for told in bodies:
        if rest:
            rest.note(told)
        if "id" in request.match_info:
            with suppress(web.HTTPNotFound):  # the last word on a call that is over
                trunk, call = _placed(request, carrier)
                trunk.note(call, told or {**request.query, **form})
    return web.Response(status=200)


def _placed(request: web.Request, carrier: Carrier) -> tuple[CarrierTrunk, StreamedCall]:
    trunk = request.app[CARRIER_TRUNKS].get(carrier.name)
    call = trunk.get(request.match_info["id"]) if trunk else None
    if trunk is None or call is None:
        raise web.HTTPNotFound(text="no call waits for this\n")
    return trunk, call
