"""Serves one client: its line, its turn where it sends faster than speech, and how long it may idle."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from aiohttp import web

from bot.languages import named
from bridge.admission.arrival import Arrival
from bridge.leg import OpeningLeg
from bridge.legs.client_leg import ClientLeg
from bridge.server.access.hosts import network_of, peer
from bridge.server.app_keys import FAST_LANE, LINES, RESOURCES, SETTINGS
from bridge.server.auth import SHOWN
from bridge.server.websocket_upgrade import carry
from bridge.speech.api import UnsupportedLanguage
from telephony.malformed import Refused
from telephony.wire_protocol import WireProtocol


async def serve_client(
    request: web.Request, protocol: WireProtocol, *, wire: str, subprotocols: Sequence[str] = ()
) -> web.StreamResponse:
    """Carry what the client has to say over `protocol`.

    Raises:
        web.HTTPException: there is no line for it, or the request does not ask for a socket as it should.
    """
    app, settings = request.app, request.app[SETTINGS]
    idle_s = settings.client_idle_timeout

    def equip(leg: OpeningLeg) -> OpeningLeg:
        return ClientLeg(leg, arrival=Arrival(time.monotonic), lane=app[FAST_LANE], idle_s=idle_s)

    line = client_line(request)
    return await carry(request, protocol, line, wire=wire, subprotocols=subprotocols, equip=equip, idles=bool(idle_s))


def client_line(request: web.Request) -> AbstractContextManager[None]:
    """Return the line of a client, which is taken once it is entered."""
    address = network_of(peer(request, request.app[SETTINGS]))
    return request.app[LINES].take_client(address=address, token=request[SHOWN].digest)


def refuse_language(request: web.Request, language: str | None) -> str:
    """Return why the recogniser does not take `language`, an English name or a code; "" where it does."""
    try:
        request.app[RESOURCES].asr.check_language(language)
    except UnsupportedLanguage as error:
        return str(error)
    return ""


def language_of(request: web.Request, tag: str) -> str:
    """Return what `language_known` does, for the server of `request`."""
    return language_known(request.app, tag)


def language_known(app: web.Application, tag: str) -> str:
    """Return the English name of the language that `tag` ("en-US") means to the recogniser.

    Raises:
        Refused: it does not know it.
    """
    name = named(tag)
    try:
        app[RESOURCES].asr.check_language(name)
    except UnsupportedLanguage as error:
        raise Refused(f"language {tag[:40]!r}: {error}") from None
    return name
