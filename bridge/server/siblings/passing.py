"""A connection whose request another worker is to answer goes to it as it is: the socket itself, over a Unix socket.

    giver                                       taker
    the socket, {"address": ...}       ->
    the request that was read already  ->       makes a connection of it, and reads that request first
                                       <-       "taken"
    closes its own end

What follows on the connection, be it a call, reaches the taker alone and without a detour; but of TLS, which ends at
the giver: there the socket that is given is one of a pair, and the giver copies between the other and the peer. Where
the taker does not take it, the giver answers itself.
"""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from aiohttp import hdrs, web

from bridge.containment import begun, cancelled
from bridge.server.access.connections import Connections
from bridge.server.access.forms import read_body
from bridge.server.app_keys import CONNECTIONS

log = logging.getLogger(__name__)

_TAKEN: Final = b"taken\n"
_LIMIT_S: Final = 2.0
_MOST_BYTES: Final = 1 << 20
"""Of a request: what is more has been refused before."""
_NOT_PASSED_ON: Final = {hdrs.TRANSFER_ENCODING.lower(), hdrs.CONTENT_LENGTH.lower(), "expect"}


async def give(request: web.Request, path: Path) -> bool:
    """Give the connection of `request` to the worker at `path`; return whether it has it now.

    The body may have been read before, by `read_body` alone.
    """
    body, transport = await read_body(request), request.transport
    if transport is None:
        return False
    transport.pause_reading()  # what comes next is the taker's
    try:
        async with asyncio.timeout(_LIMIT_S):
            if transport.get_extra_info("sslcontext"):
                given = await _give_copied(request, body, path, transport)
            else:
                given = await _hand(path, transport.get_extra_info("socket"), request, body)
    except (OSError, TimeoutError) as error:
        log.info("another worker did not take a request, and it is answered here: %s", error)
        given = False
    if given and not request.secure:
        transport.abort()  # our end alone: the taker has the same socket
    elif not transport.is_closing():
        transport.resume_reading()
    return given


async def _give_copied(request: web.Request, body: bytes, path: Path, transport: asyncio.Transport) -> bool:
    """Give one of a pair of sockets, and copy between the other and the peer until either ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            given = await _hand(path, theirs, request, body)
        except BaseException:  # cancelled, or the other worker is gone: nothing else closes our end
            ours.close()
            raise
    if not given:
        ours.close()
        return False
    ours.setblocking(False)
    near, far = _End(), _End()
    near.other, far.other = far, near
    await asyncio.get_running_loop().create_connection(lambda: far, sock=ours)
    request.app[CONNECTIONS].leave_to(transport, near)
    return True


class _End(asyncio.Protocol):
    """One end of a connection that is copied: what comes in here goes out at the other, as fast as that is read."""

    other: "_End"
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.transport.close()


async def _hand(path: Path, connection: socket.socket, request: web.Request, body: bytes) -> bool:
    loop, again = asyncio.get_running_loop(), _again(request, body)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.setblocking(False)
        await loop.sock_connect(link, str(path))
        told = {"address": request.remote or "", "secure": request.secure, "bytes": len(again)}
        socket.send_fds(link, [json.dumps(told).encode() + b"\n"], [connection.fileno()])
        await loop.sock_sendall(link, again)
        return await loop.sock_recv(link, len(_TAKEN)) == _TAKEN


def _again(request: web.Request, body: bytes) -> bytes:
    """Return `request` as it came, its body in one piece."""
    lines = [f"{request.method} {request.raw_path} HTTP/{request.version.major}.{request.version.minor}".encode()]
    raw = [(name, value) for name, value in request.raw_headers if name.decode("latin-1").lower() not in _NOT_PASSED_ON]
    lines += [name + b": " + value for name, value in raw]
    lines += [f"Content-Length: {len(body)}".encode()] if body else []
    return b"\r\n".join([*lines, b"", body])


class Taker:
    """Takes what other workers give, at a path, while its `async with` lasts."""

    def __init__(self, path: Path, connections: Connections, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """`path`: in a folder that is nobody else's."""
        self._path, self._connections, self._make_protocol = path, connections, make_protocol
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Raises:
        OSError: the path cannot be had.
        """
        self._listening.setblocking(False)
        self._listening.bind(str(self._path))
        self._listening.listen()
        self._run(self._accept())
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(*self._tasks)
        self._listening.close()
        self._path.unlink(missing_ok=True)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = begun(work, "the taking of what other workers give")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            link, _ = await loop.sock_accept(self._listening)
            self._run(self._take(link))

    async def _take(self, link: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with link, suppress(OSError, TimeoutError):  # the giver answers itself
            link.setblocking(False)
            async with asyncio.timeout(_LIMIT_S):
                connection, told, request = await _received(link)
                if await self._connect(connection, told, request):
                    await loop.sock_sendall(link, _TAKEN)

    async def _connect(self, connection: socket.socket, told: Mapping[str, Any], request: bytes) -> bool:
        address = str(told["address"])
        release = self._connections.admit(address)
        if release is None:
            connection.close()
            return False
        seen_as = {"peername": (address, 0), "sslcontext": True} if told["secure"] else {}
        guarded = self._connections.guarded(self._make_protocol(), address, release, seen_as=seen_as)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: guarded, connection)
        except BaseException:  # cancelled, or the peer is gone: its line must not stay taken
            connection.close()
            release()
            raise
        guarded.data_received(request)
        return True


async def _received(link: socket.socket) -> tuple[socket.socket, Mapping[str, Any], bytes]:
    """Return the connection, what is told of it, and what was read of it.

    Raises:
        OSError: the giver has gone, or does not keep to it.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(link, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(link)
    head, descriptors, _, _ = socket.recv_fds(link, 1 << 16, 1)
    if not descriptors:
        raise OSError("no connection came")
    connection = socket.socket(fileno=descriptors[0])
    for stray in descriptors[1:]:
        os.close(stray)
    try:
        connection.setblocking(False)
        line, _, got = head.partition(b"\n")
        told = json.loads(line)
        if told["bytes"] > _MOST_BYTES:
            raise OSError(f"a request of {told['bytes']} bytes")
        while len(got) < told["bytes"]:
            if not (more := await loop.sock_recv(link, 1 << 16)):
                raise OSError("the giver has gone")
            got += more
    except BaseException:  # cancelled, the giver is gone or tells nonsense: the connection is nobody's yet
        connection.close()
        raise
    return connection, told, got
