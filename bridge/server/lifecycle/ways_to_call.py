"""What calls come in and go out by besides this server's port: each is there while the app runs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from aiohttp import web

from bridge.legs import audiosocket
from bridge.legs.ari.link import AriLink
from bridge.legs.asterisk_dial_in import WaitingCalls
from bridge.legs.carriers.rest import carrier_apis
from bridge.legs.sip.from_settings import make_link
from bridge.legs.twilio.rest import twilio_rest
from bridge.outbound.carrier_trunk import carrier_trunks
from bridge.outbound.dialler import Dialler, Trunk
from bridge.outbound.orders.opening import shared_or_own
from bridge.outbound.twilio import TwilioTrunk
from bridge.server.api.calls import DIALLER, ORDERS, TRUNK
from bridge.server.app_keys import (
    ARI,
    AUDIOSOCKET,
    AUDIOSOCKET_SHARED,
    CALL_LOG,
    CARRIER_APIS,
    CARRIER_TRUNKS,
    IN_FORCE,
    REFUSALS,
    SETTINGS,
    SIP,
    SWITCHBOARD,
    TWILIO,
    WAITING,
    WYOMING,
)
from bridge.server.clients import wyoming
from bridge.server.lifecycle.health import Part
from bridge.settings import Settings

WhileItRuns = Callable[[web.Application], AsyncIterator[None]]
"""Runs to its `yield` before the app serves, and from there on after it."""


def ways_to_call(settings: Settings) -> Sequence[WhileItRuns]:
    """Return what is there by `settings`, in the order in which it is started: what dials comes last."""
    chosen = [
        *([_sip] if settings.sip else []),
        *([_audiosocket] if settings.audiosocket_port else []),
        *([_wyoming] if settings.wyoming_port else []),
        *([_ari] if settings.ari_url else []),
    ]
    return [_twilio, _carriers, *chosen, _dialler]


async def _twilio(app: web.Application) -> AsyncIterator[None]:
    async with twilio_rest(app[SETTINGS]) as rest:
        if rest:
            app[TWILIO] = rest
        yield


async def _carriers(app: web.Application) -> AsyncIterator[None]:
    async with carrier_apis(lambda: app[IN_FORCE].settings) as app[CARRIER_APIS]:
        yield


async def _sip(app: web.Application) -> AsyncIterator[None]:
    async with make_link(app[SETTINGS], app[SWITCHBOARD]) as app[SIP]:
        yield


async def _audiosocket(app: web.Application) -> AsyncIterator[None]:
    options = app[SETTINGS]
    port, allow = options.audiosocket_port, options.audiosocket_allow
    app[AUDIOSOCKET] = await audiosocket.listen(
        app[SWITCHBOARD],
        host=options.host,
        port=port,
        allow=allow,
        refusals=app[REFUSALS],
        shared=app[AUDIOSOCKET_SHARED],
    )
    yield
    for listener in app[AUDIOSOCKET]:
        listener.close()


async def _wyoming(app: web.Application) -> AsyncIterator[None]:
    app[WYOMING] = await wyoming.listen(app)
    yield
    for listener in app[WYOMING]:
        listener.close()


async def _ari(app: web.Application) -> AsyncIterator[None]:
    async with AriLink(app[SETTINGS], app[SWITCHBOARD]) as app[ARI]:
        yield


async def _dialler(app: web.Application) -> AsyncIterator[None]:
    settings, trunks = app[SETTINGS], dict[str, Trunk]()
    if link := app.get(SIP):
        trunks["sip"] = lambda request, _: link.dial(request.to, request.headers)
    if (rest := app.get(TWILIO)) and settings.public_url:
        trunks["twilio"] = app[TRUNK] = TwilioTrunk(rest, settings)
    app[CARRIER_TRUNKS] = carriers = carrier_trunks(app[CARRIER_APIS], settings)
    trunks.update(carriers)
    if (ari := app.get(ARI)) and settings.ari_dial_context:
        trunks["ari"] = lambda request, _: ari.dial(request.to, caller=request.caller)
    app[DIALLER] = dialler = Dialler(settings, app[SWITCHBOARD], trunks)
    async with shared_or_own(settings, app[CALL_LOG], dialler) as app[ORDERS]:
        yield


async def waiting_calls(app: web.Application) -> AsyncIterator[None]:
    """Take the calls that wait at `asterisk_url` for the socket that this server opens."""
    async with WaitingCalls(app[SWITCHBOARD], url=app[SETTINGS].asterisk_url) as app[WAITING]:
        yield


def parts(app: web.Application) -> Mapping[str, Part]:
    """Return what may break besides the engines. None of it is there before the server has started."""
    found: dict[str, Part] = {}
    if SIP in app:
        found["sip"] = app[SIP]
    if ARI in app:
        found["ari"] = app[ARI]
    return found
