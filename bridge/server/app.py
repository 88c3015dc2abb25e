"""The aiohttp app: its routes, who may come in, start-up and clean-up side by side."""

import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from aiohttp import hdrs, web

from bridge.admission.lines import Busy, Lines
from bridge.admission.refusals import Refusals
from bridge.leg import OpeningLeg
from bridge.legs import audiosocket
from bridge.legs.ari.link import AriLink
from bridge.legs.asterisk_dial_in import SUBPROTOCOL, Unreachable, WaitingCalls
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.sip.from_settings import make_link
from bridge.legs.sip.link import SipLink
from bridge.legs.twilio_rest import TwilioRest, twilio_rest
from bridge.legs.twilio_transfer import TwilioTransferLeg
from bridge.metrics import Metrics
from bridge.outbound.dialler import Dialler, Trunk
from bridge.outbound.twilio import TwilioTrunk
from bridge.server import calls_api as callsapi
from bridge.server.access.connections import Connections
from bridge.server.access.forms import read_form
from bridge.server.access.hosts import peer
from bridge.server.access.in_force import InForce
from bridge.server.access.middleware import doorkeeper
from bridge.server.auth import asks_for_socket, public_url
from bridge.server.calls_api import DIALLER, TRUNK
from bridge.server.lifecycle.health import Health, Part
from bridge.server.lifecycle.shutdown import Shutdown
from bridge.server.loop_monitor import LoopMonitor
from bridge.server.pages import Pages
from bridge.server.resources import Resources
from bridge.server.switchboard import Switchboard
from bridge.server.websocket_upgrade import upgrade
from bridge.settings import Settings, connection_limits
from bridge.speech.api import UnsupportedLanguage
from telephony.asterisk import AsteriskProtocol
from telephony.events import WireProtocol
from telephony.plain import PlainProtocol
from telephony.talk import TalkProtocol
from telephony.twiml import twiml_busy, twiml_redirect, twiml_stream
from telephony.wires import WIRES, Door, Wire

log = logging.getLogger(__name__)

SETTINGS: Final = web.AppKey("settings", Settings)
RESOURCES: Final = web.AppKey("resources", Resources)
METRICS: Final = web.AppKey("metrics", Metrics)
LINES: Final = web.AppKey("lines", Lines)
SWITCHBOARD: Final = web.AppKey("switchboard", Switchboard)
SIP: Final = web.AppKey("sip", SipLink)
WAITING: Final = web.AppKey("waiting", WaitingCalls)
TWILIO: Final = web.AppKey("twilio", TwilioRest)
CONNECTIONS: Final = web.AppKey("connections", Connections)
REFUSALS: Final = web.AppKey("refusals", Refusals)
IN_FORCE: Final = web.AppKey("in_force", InForce)
SHUTDOWN: Final = web.AppKey("shutdown", Shutdown)
PAGES: Final = web.AppKey("pages", Pages)

_Equip = Callable[[OpeningLeg], OpeningLeg]
"""Adds to a leg what its wire alone cannot do."""


def make_app(settings: Settings, resources: Resources) -> web.Application:
    """Return the server. Whoever loaded `resources` closes them after it."""
    metrics = Metrics()
    refusals = Refusals(metrics.kept_out)
    in_force = InForce(settings)
    in_all, per_address = connection_limits(settings)
    connections = Connections(refusals, limit=in_all, per_address=per_address)
    app = web.Application(client_max_size=64 * 1024, middlewares=[doorkeeper(in_force, refusals, connections)])
    app[IN_FORCE] = in_force
    app[SETTINGS], app[METRICS], app[LINES] = settings, metrics, Lines(settings.max_calls)
    app[CONNECTIONS], app[REFUSALS] = connections, refusals
    app[PAGES] = Pages()
    app[RESOURCES] = resources
    app.cleanup_ctx.append(_loop_monitor)
    app.cleanup_ctx.append(_switchboard)
    app.cleanup_ctx.append(_twilio)
    if settings.sip:
        app.cleanup_ctx.append(_sip)
    if settings.audiosocket_port:
        app.cleanup_ctx.append(_audiosocket)
    if settings.ari_url:
        app.cleanup_ctx.append(_ari)
    app.cleanup_ctx.append(_dialler)
    app.cleanup_ctx.append(_shutdown)
    if settings.asterisk_url:
        app.cleanup_ctx.append(_waiting_calls)
    app.on_shutdown.append(_end_calls)
    app.on_response_prepare.append(_hang_up_after)
    twiml_busy()  # imports 7 ms of twilio now, not while calls are on the line
    app.add_routes(
        [
            web.get("/", _front),
            web.get("/web/{name}", app[PAGES].file),
            web.post("/twilio/voice", _twilio_voice),
            web.post("/asterisk/connect", _asterisk_connect),
            *(web.get(wire.address, _door_of(wire)) for wire in WIRES if wire.is_socket),
            *callsapi.routes(),
            *Health(
                app[LINES], resources.asr, parts=partial(_parts, app), ours=set(settings.asr) != {"openai"}
            ).routes(),
            web.get("/metrics", _metrics),
        ]
    )
    return app


async def _loop_monitor(app: web.Application) -> AsyncIterator[None]:
    async with LoopMonitor(app[METRICS].loop_lag.observe):
        yield


async def _switchboard(app: web.Application) -> AsyncIterator[None]:
    app[SWITCHBOARD] = Switchboard(app[SETTINGS], app[RESOURCES], app[METRICS], app[LINES])
    yield


async def _twilio(app: web.Application) -> AsyncIterator[None]:
    async with twilio_rest(app[SETTINGS]) as rest:
        if rest:
            app[TWILIO] = rest
        yield


async def _sip(app: web.Application) -> AsyncIterator[None]:
    async with make_link(app[SETTINGS], app[SWITCHBOARD]) as app[SIP]:
        yield


async def _audiosocket(app: web.Application) -> AsyncIterator[None]:
    options = app[SETTINGS]
    port, allow = options.audiosocket_port, options.audiosocket_allow
    listener = await audiosocket.listen(
        app[SWITCHBOARD], host=options.host, port=port, allow=allow, refusals=app[REFUSALS]
    )
    yield
    listener.close()


async def _ari(app: web.Application) -> AsyncIterator[None]:
    async with AriLink(app[SETTINGS], app[SWITCHBOARD]):
        yield


async def _dialler(app: web.Application) -> AsyncIterator[None]:
    settings, trunks = app[SETTINGS], dict[str, Trunk]()
    if link := app.get(SIP):
        trunks["sip"] = lambda request, _: link.dial(request.to, request.headers)
    if (rest := app.get(TWILIO)) and settings.public_url:
        trunks["twilio"] = app[TRUNK] = TwilioTrunk(rest, settings)
    app[DIALLER] = Dialler(settings, app[SWITCHBOARD], trunks)
    yield


async def _waiting_calls(app: web.Application) -> AsyncIterator[None]:
    async with WaitingCalls(app[SWITCHBOARD], url=app[SETTINGS].asterisk_url) as app[WAITING]:
        yield


async def _hang_up_after(request: web.Request, response: web.StreamResponse) -> None:
    if not request.app[CONNECTIONS].keeps and not isinstance(response, web.WebSocketResponse):
        response.force_close()
        response.headers[hdrs.CONNECTION] = "close"


def _parts(app: web.Application) -> Mapping[str, Part]:
    """Return what may break besides the engines. There is no SIP side before the server has started."""
    return {"sip": app[SIP]} if SIP in app else {}


async def _shutdown(app: web.Application) -> AsyncIterator[None]:
    app[SHUTDOWN] = Shutdown(app[LINES], app[DIALLER], app[SETTINGS])
    yield


async def _end_calls(app: web.Application) -> None:
    await app[SHUTDOWN].end_calls()


# ---------------------------------------------------------------- routes


async def _front(request: web.Request) -> web.StreamResponse:
    if asks_for_socket(request):
        return await _plain(request)
    return await request.app[PAGES].front(request)


def _door_of(wire: Wire) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the handler of `wire`: its own where it needs more than the request, else what its line says."""
    return _OWN.get(wire.name) or partial(_stream, wire=wire)


async def _stream(request: web.Request, *, wire: Wire) -> web.StreamResponse:
    if wire.make is None:
        raise TypeError(f"the wire {wire.name} has neither a handler nor what makes its protocol")
    rest = request.app.get(TWILIO) if wire.door is Door.TWILIO_SIGNATURE else None
    equip: _Equip = SilenceFilledLeg if wire.discontinuous else lambda leg: leg
    if rest:
        equip = partial(TwilioTransferLeg, rest=rest)
    return await _carry(request, wire.make(), wire=wire.name, subprotocols=wire.subprotocols, equip=equip)


async def _plain(request: web.Request) -> web.StreamResponse:
    return await _serve_client(request, PlainProtocol, wire="plain")


async def _talk(request: web.Request) -> web.StreamResponse:
    return await _serve_client(request, TalkProtocol, wire="talk")


async def _serve_client(request: web.Request, kind: type[PlainProtocol], *, wire: str) -> web.StreamResponse:
    settings, asr = request.app[SETTINGS], request.app[RESOURCES].asr

    def refuse_language(language: str | None) -> str:
        try:
            asr.check_language(language)
        except UnsupportedLanguage as error:
            return str(error)
        return ""

    protocol = kind(uuid.uuid4().hex, refuse_language=refuse_language, max_bytes=settings.max_message_bytes)
    return await _carry(request, protocol, wire=wire)


async def _twilio_voice(request: web.Request) -> web.Response:
    """Answer Twilio's webhook: connect the call to our stream, or say that we are busy."""
    form, settings = await read_form(request), request.app[SETTINGS]
    lines = request.app[LINES]
    if not lines.free:
        request.app[METRICS].refused.labels("busy").inc()
        elsewhere = settings.drain_redirect if lines.draining else ""
        return web.Response(text=twiml_redirect(elsewhere) if elsewhere else twiml_busy(), content_type="text/xml")
    wanted = {key: form[key] for key in ("From", "To", "CallSid", "Direction") if key in form}
    parameters = {**{key: str(value) for key, value in request.query.items()}, **wanted}
    url = f"{public_url(request, settings, socket=True)}/twilio/stream"
    try:
        return web.Response(text=twiml_stream(url, parameters), content_type="text/xml")
    except ValueError:  # the name of the host is the peer's, where --public-url does not say it
        raise web.HTTPBadRequest(text="the Host header names no host\n") from None


async def _asterisk(request: web.Request) -> web.StreamResponse:
    parameters = {name: value for name, value in request.query.items() if name != "token"}
    protocol = AsteriskProtocol(parameters)
    return await _carry(request, protocol, wire="asterisk", subprotocols=(SUBPROTOCOL,), equip=SilenceFilledLeg)


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
        request.app[METRICS].refused.labels("busy").inc()
        raise web.HTTPServiceUnavailable(text=f"{busy}\n", headers={"Retry-After": "5"}) from None
    except Unreachable as error:
        log.warning("call not connected: %s", error)
        raise web.HTTPBadGateway(text=f"{error}\n") from None
    return web.Response(text="connected\n")


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=request.app[METRICS].text(), headers={"Content-Type": "text/plain; version=0.0.4"})


_OWN: Final = {"plain": _plain, "talk": _talk, "asterisk": _asterisk}

# ---------------------------------------------------------------- one call


async def _carry(
    request: web.Request,
    protocol: WireProtocol,
    *,
    wire: str,
    subprotocols: Sequence[str] = (),
    equip: _Equip = lambda leg: leg,
) -> web.StreamResponse:
    app, settings = request.app, request.app[SETTINGS]
    if not app[LINES].free and asks_for_socket(request):
        app[METRICS].refused.labels("busy").inc()
    with _line(app[LINES]):
        socket, leg = await upgrade(request, protocol, settings, subprotocols=subprotocols)
        await app[SWITCHBOARD].carry(equip(leg), wire=wire, peer=peer(request, settings))
    return socket


@contextmanager
def _line(lines: Lines) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(lines.take())
        except Busy as busy:
            text = f"{busy}, try again later\n"
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"}) from busy
        yield
