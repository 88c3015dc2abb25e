"""The HTTP port: bound before the models are loaded, opened after, and not beyond what the machine can carry."""

import asyncio
import errno
import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from bridge.containment import begun, cancelled
from bridge.server.access.connections import Connections

log = logging.getLogger(__name__)

_BACKLOG: Final = 128
_NOT_HERE: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""A family of addresses that this machine does not have: localhost may name both."""
_PAUSE_S: Final = 1.0
_TELL_S: Final = 10.0
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_ACCEPT: Final = "socket.accept() out of system resource"


async def bind(host: str, port: int) -> list[socket.socket]:
    """Return a socket for each address of `host`, bound to `port` and not open yet; 0 is the same free port for all.

    Raises:
        OSError: the port or the address is not to be had; the text names both.
    """
    sockets: list[socket.socket] = []
    failed = OSError(errno.EADDRNOTAVAIL, "")
    for family, address in await _addresses(host, port):
        same = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, (address[0], same, *address[2:])))
        except OSError as error:
            failed = error
            if error.errno not in _NOT_HERE:
                close(sockets)
                sockets = []
                break
    if not sockets:
        why = os.strerror(failed.errno or 0).lower()
        raise OSError(failed.errno, f"cannot listen on {host}, port {port}: {why}")
    return sockets


async def serves(sockets: Sequence[socket.socket], host: str, port: int) -> bool:
    """Return whether `sockets` are bound to addresses of `host`, and to `port`; 0 is any."""
    wanted = {(family, address[0]) for family, address in await _addresses(host, port)}
    bound = [(one.family, one.getsockname()) for one in sockets]
    return bool(bound) and all((family, name[0]) in wanted and port in {0, name[1]} for family, name in bound)


async def _addresses(host: str, port: int) -> "list[tuple[int, tuple[Any, ...]]]":
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setblocking(False)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def close(sockets: Sequence[socket.socket]) -> None:
    """Close them."""
    for one in sockets:
        one.close()


class Listener:
    """Takes connections on bound sockets, within the limits of `connections`, while its `async with` lasts."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make_protocol: Callable[[], asyncio.Protocol],
        connections: Connections,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
        patience_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`patience_s` returns for how long a connection is left to other processes that have the same sockets."""
        self._patience_s = patience_s
        self._sockets, self._make_protocol, self._connections = sockets, make_protocol, connections
        self._tls, self._scarcity = tls, Scarcity(clock=clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepting: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            OSError: another server has begun to listen on the port meanwhile.
        """
        for one in self._sockets:
            one.listen(_BACKLOG)
        self._accepting = [begun(self._accept(one), "the taking of connections") for one in self._sockets]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more; connections that are open stay."""
        await self.give_up()
        await cancelled(*self._tasks)

    async def give_up(self) -> None:
        """Take no more, and lose none that was taken; what nobody took is left to whoever has the same sockets."""
        await cancelled(*self._accepting)
        close(self._sockets)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = begun(work, "a new connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        while True:
            await _readable(listening)
            if wait_s := self._patience_s():
                await asyncio.sleep(wait_s)
            try:
                accepted, address = listening.accept()  # no await: a cancelled one would lose what it has taken
            except BlockingIOError:
                continue  # another process was faster, or the peer is gone
            except OSError as error:
                if error.errno != errno.ECONNABORTED:
                    self._scarcity.tell(error)
                    await asyncio.sleep(_PAUSE_S)  # what is open goes on, and ends at some time
                continue
            accepted.setblocking(False)
            self._take(accepted, str(address[0]))
            await asyncio.sleep(0)  # a flood of them must not keep the loop from its calls

    def _take(self, accepted: socket.socket, address: str) -> None:
        release = self._connections.admit(address)
        if release is None:
            with suppress(OSError):
                if self._tls is None:
                    accepted.send(_BUSY)
            accepted.close()
            return
        self._run(self._hand_over(accepted, address, release))

    async def _hand_over(self, accepted: socket.socket, address: str, release: Callable[[], None]) -> None:
        def guarded() -> asyncio.Protocol:
            return self._connections.guarded(self._make_protocol(), address, release)

        limit_s = self._connections.head_s if self._tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                guarded, accepted, ssl=self._tls, ssl_handshake_timeout=limit_s
            )
        except ConnectionAbortedError:  # asyncio's word for a handshake that takes too long
            self._connections.too_slow(address)
            release()
        except OSError as error:  # no TLS, or gone already
            log.debug("a connection from %s came to nothing: %s", address, error)
            release()
        except BaseException:  # cancelled, or a fault of ours: the line must not stay taken
            accepted.close()
            release()
            raise


async def _readable(waiting: socket.socket) -> None:
    """Return when `waiting` has something to take."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(waiting, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(waiting)


class Scarcity:
    """Tells the log that the machine has nothing left, once in a while."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._told_s = clock, -_TELL_S

    def tell(self, error: BaseException | None) -> None:
        """Log `error`, if that was not done just now."""
        if self._clock() - self._told_s >= _TELL_S:
            self._told_s = self._clock()
            log.error("no new connections for now: %s; see `ulimit -n`", error)

    def handle(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """Be the loop's exception handler: asyncio's own servers repeat that error a hundred times a second."""
        if context.get("message") == _ACCEPT:
            self.tell(context.get("exception"))
        else:
            loop.default_exception_handler(dict(context))
