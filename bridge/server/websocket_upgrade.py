"""Makes a leg of a request: accepts the WebSocket of a wire, and has the call carried that comes over it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from aiohttp import web

from bridge.admission.lines import Busy
from bridge.leg import OpeningLeg
from bridge.legs.websocket import PING_S, WebSocketLeg
from bridge.server.access.hosts import peer
from bridge.server.app_keys import METRICS, SETTINGS, SWITCHBOARD
from bridge.server.auth import BEARER_PROTOCOL, asks_for_socket
from bridge.settings import Settings
from telephony.wire_protocol import WireProtocol

Equip = Callable[[OpeningLeg], OpeningLeg]
"""Adds to a leg what its wire alone cannot do."""


async def upgrade(
    request: web.Request,
    protocol: WireProtocol,
    settings: Settings,
    *,
    subprotocols: Sequence[str] = (),
    idles: bool = False,
) -> tuple[web.WebSocketResponse, WebSocketLeg]:
    """Accept the socket; return it and the leg over it.

    `idles`: a peer without audio is closed, so that its pongs need not tell whether it is there.

    Raises:
        web.HTTPException: the request does not ask for one as it should.
    """
    steady = protocol.capabilities.steady
    socket = await accept(request, settings, pings=not (steady or idles), subprotocols=subprotocols)
    transport = request.transport
    leg = WebSocketLeg(
        socket,
        protocol,
        abort=transport.abort if transport else lambda: None,
        idle_s=settings.media_timeout if steady else None,
        send_s=settings.send_timeout,
        ping_s=PING_S if idles else None,
    )
    return socket, leg


async def accept(
    request: web.Request, settings: Settings, *, pings: bool, subprotocols: Sequence[str] = ()
) -> web.WebSocketResponse:
    """Accept the socket and return it. `pings`: it pings by itself, and drops a peer that does not answer.

    Raises:
        web.HTTPException: the request does not ask for one as it should.
    """
    offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    socket = web.WebSocketResponse(
        compress=False,
        max_msg_size=4 * settings.max_message_bytes,  # the protocol refuses in words what is over the limit
        heartbeat=PING_S if pings else None,
        protocols=[*subprotocols, *(p for p in offered if p.startswith(BEARER_PROTOCOL))],
    )
    try:
        await socket.prepare(request)
    except UnicodeEncodeError:  # aiohttp quotes the header that is wrong, and cannot
        raise web.HTTPBadRequest(text="a header of the handshake is no text\n") from None
    return socket


async def carry(
    request: web.Request,
    protocol: WireProtocol,
    line: AbstractContextManager[None],
    *,
    wire: str,
    subprotocols: Sequence[str] = (),
    equip: Equip = lambda leg: leg,
    idles: bool = False,
) -> web.StreamResponse:
    """Accept the socket of one call, and carry that to its end.

    Raises:
        web.HTTPException: there is no `line`, or the request does not ask for a socket as it should.
    """
    app, settings = request.app, request.app[SETTINGS]
    with held(line, request):
        socket, leg = await upgrade(request, protocol, settings, subprotocols=subprotocols, idles=idles)
        await app[SWITCHBOARD].carry(equip(leg), wire=wire, peer=peer(request, settings))
    return socket


@contextmanager
def held(line: AbstractContextManager[None], request: web.Request) -> Iterator[None]:
    """Hold `line`.

    Raises:
        web.HTTPServiceUnavailable: there is none.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(line)
        except Busy as busy:
            if asks_for_socket(request) or request.method == "POST":  # a page that was refused asks again, to learn why
                request.app[METRICS].refused.labels(busy.reason).inc()
            text = f"{busy}, try again later\n"
            raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"}) from busy
        yield
