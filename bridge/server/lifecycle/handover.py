"""Two servers on one port, one after the other: the old one hands its listening sockets over a Unix socket.

    old                          new
    sockets                ->    loads its models
                           <-    "take": it is warm
    "yours"                ->    accepts, too
                           <-    "taken"
    accepts no more, frees the path, closes

They have the same sockets in the kernel, so at each moment one of them accepts and no connection falls between them.
Where the new one fails before "taken" the old one goes on as if nothing had been.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from bridge.containment import begun, cancelled

log = logging.getLogger(__name__)

_TAKE: Final = b"take\n"
_YOURS: Final = b"yours\n"
_TAKEN: Final = b"taken\n"
_STEP_S: Final = 10.0
"""So long the other side may take from one word to the next, but for loading its models."""
_MOST_SOCKETS: Final = 16


class Predecessor:
    """The server whose port is taken over, as its successor sees it; without `sockets` there is none."""

    def __init__(self, link: socket.socket | None = None, sockets: Sequence[socket.socket] = ()) -> None:
        """`link`: to the server; blocking calls on it have a time limit."""
        self._link, self.sockets = link, sockets

    async def claim(self) -> None:
        """Say that we are ready to accept. A predecessor that is gone meanwhile has left all to us.

        Raises:
            OSError: another server was faster.
        """
        if await self._say(_TAKE) not in {_YOURS, b""}:
            raise OSError("another server is taking over the port at this moment")

    async def release(self) -> None:
        """Say that we accept; return when the predecessor does not any more."""
        await self._say(_TAKEN)
        self.leave()

    def leave(self) -> None:
        """Have no more to do with it: where it was not released, it goes on. The sockets are to be closed apart."""
        if self._link:
            self._link.close()

    async def _say(self, word: bytes) -> bytes:
        """Return what is answered; b"" where the other side has closed."""
        if self._link is None:
            return b""
        link = self._link
        try:
            await asyncio.to_thread(link.sendall, word)
            return await asyncio.to_thread(link.recv, len(_YOURS))
        except ConnectionError:
            return b""


async def find_predecessor(path: Path | None) -> Predecessor:
    """Return the server that has `path`, with its listening sockets; none where nobody has."""
    if path is None:
        return Predecessor()
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(_STEP_S)
    try:
        await asyncio.to_thread(link.connect, str(path))
        _, numbers, _, _ = await asyncio.to_thread(socket.recv_fds, link, 16, _MOST_SOCKETS)
    except (FileNotFoundError, ConnectionError):  # no server there, or not any more
        link.close()
        return Predecessor()
    sockets = [socket.socket(fileno=number) for number in numbers]
    for one in sockets:
        one.setblocking(False)
    return Predecessor(link, sockets)


class Handover:
    """Waits at a path for the next server, while its `async with` lasts."""

    def __init__(
        self, path: Path | None, sockets: Sequence[socket.socket], give_up: Callable[[], Awaitable[None]]
    ) -> None:
        """`path`: None where no server comes after this one. `give_up` is awaited once another one accepts on
        `sockets`; after it, this one must not."""
        self._path, self._sockets, self._give_up = path, sockets, give_up
        self._listening: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._claimed = False
        self._accepting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises:
        OSError: another server waits there, or the path cannot be had.
        """
        if self._path:
            self._listening = _bound(self._path)
            self._accepting = begun(self._accept(self._listening), "the handing over of the port")
        return self

    async def __aexit__(self, *_: object) -> None:
        await cancelled(*self._tasks)
        await self._leave_path()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = begun(work, "a handing over of the port")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            link, _ = await loop.sock_accept(listening)
            self._run(self._meet(link))

    async def _meet(self, link: socket.socket) -> None:
        """Hand the sockets to one server that has connected, if it gets as far as to want them."""
        loop = asyncio.get_running_loop()
        with link, suppress(ConnectionError):
            link.setblocking(False)
            socket.send_fds(link, [b"\n"], [one.fileno() for one in self._sockets])
            if await loop.sock_recv(link, len(_TAKE)) != _TAKE:
                return
            if self._claimed:
                await loop.sock_sendall(link, b"no\n")
                return
            self._claimed = True
            try:
                await self._yield(link)
            finally:
                self._claimed = self._listening is None

    async def _yield(self, link: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_STEP_S):
                await loop.sock_sendall(link, _YOURS)
                if await loop.sock_recv(link, len(_TAKEN)) != _TAKEN:
                    return
        except TimeoutError:
            log.warning("a server that wanted the port has not taken it within %g s", _STEP_S)
            return
        await self._give_up()
        await self._leave_path()

    async def _leave_path(self) -> None:
        await cancelled(self._accepting)
        if self._path and self._listening:
            self._listening.close()
            self._listening = None
            self._path.unlink(missing_ok=True)


def _bound(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, for this user alone; a file that a dead server left there is replaced."""
    if _answers(path):
        raise OSError(f"another server waits at {path} already")
    if path.is_socket():
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            made.bind(str(path))
        finally:
            os.umask(before)
        made.listen()
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"cannot listen at {path}: {os.strerror(error.errno or 0).lower()}") from error
    return made


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except (FileNotFoundError, ConnectionError):
            return False
        return True
