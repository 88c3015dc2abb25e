"""The routes: what each request is answered with, and the call that a socket carries."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Final

from aiohttp import web

from bridge.admission.lines import Busy
from bridge.admission.load import Whose
from bridge.legs.asterisk_dial_in import SUBPROTOCOL, Unreachable
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.twilio.transfer import TwilioTransferLeg
from bridge.listening.listen_only import ListenOnlyStream
from bridge.server.access.doors import TWILIO_STREAM_TOO, TWILIO_VOICE
from bridge.server.access.forms import read_form
from bridge.server.access.hosts import peer
from bridge.server.app_keys import (
    CONVERSATIONS,
    FEED,
    LINES,
    METRICS,
    PAGES,
    SETTINGS,
    SWITCHBOARD,
    TWILIO,
    WAITING,
)
from bridge.server.auth import asks_for_socket, public_url
from bridge.server.carriers.conversations import enter
from bridge.server.carriers.routes import equipped, stream_of
from bridge.server.clients.deepgram import listen
from bridge.server.clients.plain import plain, scripts, talk
from bridge.server.clients.realtime import realtime
from bridge.server.clients.speech import speech
from bridge.server.clients.transcriptions import transcriptions
from bridge.server.pages import Pages
from bridge.server.websocket_upgrade import Equip, accept, carry, held
from telephony.asterisk import AsteriskProtocol
from telephony.carriers.catalogue import BY_NAME, Carrier
from telephony.twilio_webhook import call_parameters
from telephony.twiml import twiml_busy, twiml_redirect, twiml_stream
from telephony.wire import Door, Wire
from telephony.wires import WIRES

log = logging.getLogger(__name__)


def routes(pages: Pages) -> Sequence[web.RouteDef]:
    """Return the routes of pages, wires, webhooks and metrics."""
    return [
        web.get("/", _front),
        web.get("/dashboard", pages.dashboard),
        web.get("/web/{name}", pages.file),
        *(web.post(path, _twilio_voice) for path in TWILIO_VOICE),
        *(web.get(path, _twilio_voice, allow_head=False) for path in TWILIO_VOICE),
        web.post("/asterisk/connect", _asterisk_connect),
        *(web.get(address, _door_of(wire)) for wire in WIRES if wire.is_socket for address in _addresses(wire)),
        web.post("/v1/audio/transcriptions", transcriptions),
        web.post("/v1/audio/speech", speech),
        web.get("/metrics", _metrics),
        web.get("/languages", _languages),
    ]


def _addresses(wire: Wire) -> Sequence[str]:
    if wire.name == "twilio":
        return (wire.address, TWILIO_STREAM_TOO)
    if wire.door is Door.CARRIER_SIGNATURE:
        return (wire.address, f"{wire.address}/", f"{wire.address}/{{ticket}}")
    return (wire.address,)


async def _front(request: web.Request) -> web.StreamResponse:
    if asks_for_socket(request):
        return await plain(request)
    return await request.app[PAGES].front(request)


def _door_of(wire: Wire) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of `wire`: its own where it needs more than the request, else what its line says."""
    if wire.door is Door.CARRIER_SIGNATURE:
        return partial(_carrier_stream, carrier=BY_NAME[wire.name])
    return _OWN.get(wire.name) or partial(_stream, wire=wire)


async def _stream(request: web.Request, *, wire: Wire) -> web.StreamResponse:
    if wire.make is None:
        raise TypeError(f"the wire {wire.name} has neither a handler nor what makes its protocol")
    rest = request.app.get(TWILIO) if wire.door is Door.TWILIO_SIGNATURE else None
    equip: Equip = SilenceFilledLeg if wire.discontinuous else lambda leg: leg
    if rest:
        equip = partial(TwilioTransferLeg, rest=rest)
    line = request.app[LINES].take(judged=wire.name != "twilio")  # its webhook has asked before it said come
    return await carry(request, wire.make(), line, wire=wire.name, subprotocols=wire.subprotocols, equip=equip)


async def _carrier_stream(request: web.Request, *, carrier: Carrier) -> web.StreamResponse:
    protocol, line = stream_of(request, carrier)
    return await carry(request, protocol, line, wire=carrier.name, equip=partial(equipped, request, carrier))


async def _twilio_listen(request: web.Request) -> web.StreamResponse:
    app, settings = request.app, request.app[SETTINGS]
    with held(app[LINES].take(), request):
        socket = await accept(request, settings, pings=False)
        start_s, idle_s, close_s = settings.start_timeout, settings.media_timeout, settings.send_timeout
        stream = ListenOnlyStream(socket, app[FEED], start_s=start_s, idle_s=idle_s, close_s=close_s)
        await stream.run(partial(app[SWITCHBOARD].carry, wire="listen", peer=peer(request, settings)))
    return socket


async def _twilio_voice(request: web.Request) -> web.Response:
    """Answer Twilio's webhook: connect the call to our stream, or say that we are busy."""
    form, settings = await read_form(request), request.app[SETTINGS]
    lines = request.app[LINES]
    if busy := lines.refusal(Whose.CALLS):
        request.app[METRICS].refused.labels(busy.reason).inc()
        elsewhere = settings.drain_redirect if lines.draining else settings.busy_redirect
        return web.Response(text=twiml_redirect(elsewhere) if elsewhere else twiml_busy(), content_type="text/xml")
    parameters = call_parameters(request.query, form)
    url = f"{public_url(request, settings, socket=True)}/twilio/stream"
    try:
        return web.Response(text=twiml_stream(url, parameters), content_type="text/xml")
    except ValueError:  # the name of the host is the peer's, where --public-url does not say it
        raise web.HTTPBadRequest(text="the Host header names no host\n") from None


async def _asterisk(request: web.Request) -> web.StreamResponse:
    parameters = {name: value for name, value in request.query.items() if name != "token"}
    protocol = AsteriskProtocol(parameters)
    line = request.app[LINES].take()
    return await carry(request, protocol, line, wire="asterisk", subprotocols=(SUBPROTOCOL,), equip=SilenceFilledLeg)


async def _asterisk_connect(request: web.Request) -> web.Response:
    """Connect to the call that waits at our Asterisk under the `id` in the form; the rest of it are its parameters."""
    if WAITING not in request.app:
        raise web.HTTPNotFound(text="no Asterisk is known: set --asterisk-url ws://HOST:8088/media\n")
    form = dict(await read_form(request))
    try:
        await request.app[WAITING].connect(form.pop("id", ""), form)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    except Busy as busy:
        request.app[METRICS].refused.labels(busy.reason).inc()
        raise web.HTTPServiceUnavailable(text=f"{busy}\n", headers={"Retry-After": "5"}) from None
    except Unreachable as error:
        log.warning("call not connected: %s", error)
        raise web.HTTPBadGateway(text=f"{error}\n") from None
    return web.Response(text="connected\n")


async def _metrics(request: web.Request) -> web.Response:
    text = await asyncio.to_thread(request.app[METRICS].text)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4"})


async def _languages(request: web.Request) -> web.Response:
    """Tell which languages are heard and spoken here; an empty list is not known, and any may be tried."""
    board = request.app[SWITCHBOARD]
    voice, settings = board.resources.tts, board.settings
    spoken = sorted(getattr(voice, "languages", ())) or list(filter(None, [getattr(voice, "language", "")]))
    heard = sorted(board.resources.asr.capabilities.languages or ())
    about = {"heard": heard, "callers": settings.languages, "spoken": spoken, "voice": settings.tts}
    return web.json_response({**about, "scripts": scripts()})


async def _audiocodes(request: web.Request) -> web.StreamResponse:
    """Begin a conversation of AudioCodes, or go on with one whose socket was lost."""
    app, settings, known = request.app, request.app[SETTINGS], request.app[CONVERSATIONS]
    free = app[LINES].free or not known  # what goes on has its line
    with held(app[LINES].take() if free else nullcontext(), request):
        entered = await enter(request, settings, known, free=free)
        if entered.leg:
            leg = SilenceFilledLeg(entered.leg)
            with entered.listed():
                await app[SWITCHBOARD].carry(leg, wire="audiocodes", peer=peer(request, settings))
    await entered.over()
    return entered.socket


_OWN: Final = {
    "plain": plain,
    "talk": talk,
    "deepgram": listen,
    "realtime": realtime,
    "asterisk": _asterisk,
    "listen": _twilio_listen,
    "audiocodes": _audiocodes,
}
