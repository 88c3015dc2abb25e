"""Makes a leg of a request: accepts the WebSocket of a wire."""

from collections.abc import Sequence

from aiohttp import web

from bridge.legs.websocket import PING_S, WebSocketLeg
from bridge.server.auth import BEARER_PROTOCOL
from bridge.settings import Settings
from telephony.wire_protocol import WireProtocol


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
