"""The TCP port to which an Asterisk connects its calls."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Sequence
from typing import Final

from bridge.admission.lines import Busy, Carrier
from bridge.admission.refusals import Refusals, Why
from bridge.legs.silence_filled import SilenceFilledLeg
from bridge.legs.tcp_stream import StreamLeg
from telephony.audiosocket import AudioSocketProtocol

log = logging.getLogger(__name__)

_BACKLOG: Final = 100
_SEND_BUFFER_BYTES: Final = 16 * 1024
"""What the kernel may hold of our audio: so a peer that stops reading is noticed in seconds, not minutes."""


async def listen(
    carrier: Carrier,
    *,
    host: str,
    port: int,
    allow: Sequence[str],
    refusals: Refusals,
    shared: Sequence[socket.socket] = (),
) -> Sequence[asyncio.Server]:
    """Open the port and return what listens there. `allow`: networks whose connections are taken; the protocol itself
    has no password. `shared`: sockets bound to the port, on which other processes listen too.

    Raises:
        OSError: the port cannot be opened.
    """
    networks = [ipaddress.ip_network(network, strict=False) for network in allow]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = ipaddress.ip_address(writer.get_extra_info("peername")[0].partition("%")[0])
        if not any(peer in network for network in networks):
            refusals.note("audiosocket", Why.ADDRESS, peer=str(peer), detail="not in --audiosocket-allow")
            carrier.metrics.refused.labels("address").inc()
            writer.close()
            return
        try:
            with carrier.lines.take():
                await _carry(carrier, reader, writer, peer=str(peer))
        except Busy as busy:
            log.warning("AudioSocket call refused: %s", busy)
            carrier.metrics.refused.labels(busy.reason).inc()
            writer.close()

    if not shared:
        return [await asyncio.start_server(connected, host, port)]
    # One connection each time a process wakes: the first to wake would take all that wait.
    servers = [await asyncio.start_server(connected, sock=one, backlog=1) for one in shared]
    for one in shared:
        one.listen(_BACKLOG)
    return servers


async def _carry(carrier: Carrier, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, peer: str) -> None:
    settings = carrier.settings
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    protocol = AudioSocketProtocol(quiet_rate=settings.audiosocket_rate)
    leg = StreamLeg(reader, writer, protocol, send_s=settings.send_timeout)
    await carrier.carry(SilenceFilledLeg(leg), wire="audiosocket", peer=peer)
