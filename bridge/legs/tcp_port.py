"""A TCP port whose protocol has no password: who may connect is said by networks."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from bridge.admission.lines import Carrier
from bridge.admission.refusals import Refusals, Why

_BACKLOG: Final = 100

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
"""Serves one connection; takes the address of the peer, too."""


async def listen(
    carrier: Carrier,
    serve: Connected,
    *,
    name: str,
    host: str,
    port: int,
    allow: Sequence[str],
    refusals: Refusals,
    shared: Sequence[socket.socket] = (),
) -> Sequence[asyncio.Server]:
    """Open the port and return what listens there.

    `name`: of the door and of its flags. `allow`: networks whose connections are taken. `shared`: sockets bound to the
    port, on which other processes listen too.

    Raises:
        OSError: the port cannot be opened.
    """
    networks = [ipaddress.ip_network(network, strict=False) for network in allow]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = ipaddress.ip_address(writer.get_extra_info("peername")[0].partition("%")[0])
        if not any(peer in network for network in networks):
            refusals.note(name, Why.ADDRESS, peer=str(peer), detail=f"not in --{name}-allow")
            carrier.metrics.refused.labels("address").inc()
            writer.close()
            return
        await serve(reader, writer, str(peer))

    if not shared:
        return [await asyncio.start_server(connected, host, port)]
    # One connection each time a process wakes: the first to wake would take all that wait.
    servers = [await asyncio.start_server(connected, sock=one, backlog=1) for one in shared]
    for one in shared:
        one.listen(_BACKLOG)
    return servers
