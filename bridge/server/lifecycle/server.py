"""One server at work: the port, the signals, the server that comes after it."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from bridge.server.access import listener
from bridge.server.access.http_log import HttpLog
from bridge.server.app_keys import (
    ARI,
    AUDIOSOCKET,
    CONNECTIONS,
    IN_FORCE,
    REFUSALS,
    SHUTDOWN,
    SIP,
    SWITCHBOARD,
    TWILIO,
    WYOMING,
)
from bridge.server.lifecycle.handover import Handover, Predecessor
from bridge.server.lifecycle.last_resort import LastResort
from bridge.server.lifecycle.reload import Reload, Reread
from bridge.server.lifecycle.shutdown import end_s, longest_s
from bridge.server.lifecycle.signals import obeyed
from bridge.server.tls import Certificates
from bridge.settings import Settings

log = logging.getLogger(__name__)

_REQUESTS_S: Final = 2.0
"""What is no call is answered within that; it is also how long a connection that we took may take to ask for one."""


class RunningServer:
    """The app on its port."""

    def __init__(
        self,
        app: web.Application,
        options: Settings,
        sockets: Sequence[socket.socket],
        *,
        certificates: Certificates,
        reread: Reread,
        patience_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`sockets`: bound; they are closed with the server. `patience_s`: as for `Listener`."""
        self._patience_s = patience_s
        self._app, self._options, self._sockets = app, options, sockets
        self._certificates, self._reread = certificates, reread
        self._runner = make_runner(app, drain_s=_REQUESTS_S)
        self._last_resort = LastResort()
        self._terminated = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._door: listener.Listener

    @asynccontextmanager
    async def running(self, before: Predecessor) -> AsyncIterator[None]:
        """Serve inside the block, in the place of `before`; then end what calls there are."""
        asyncio.get_running_loop().set_exception_handler(listener.Scarcity().handle)
        try:
            await self._runner.setup()
            async with AsyncExitStack() as opened:
                await before.claim()
                self._door = await opened.enter_async_context(self._listener())
                await before.release()
                reload = self._reload()
                opened.enter_context(obeyed(self._handlers(reload), noted=self._note))
                path = self._options.handover_socket
                await opened.enter_async_context(Handover(path, self._sockets, partial(self._hand_over, path)))
                yield
                await self._app[SHUTDOWN].end_calls()  # the port stays open until the last has ended
        finally:
            await self._runner.cleanup()
            if path := self._options.handover_socket:
                _own(path).unlink(missing_ok=True)

    async def time_to_end(self) -> None:
        """Return when the calls that are left are to be ended."""
        await self._app[SHUTDOWN].time_to_end()
        self._last_resort.within(end_s(self._options))

    def _listener(self) -> listener.Listener:
        assert self._runner.server
        tls = self._certificates.context
        made, connections = self._runner.server, self._app[CONNECTIONS]
        return listener.Listener(self._sockets, made, connections, tls=tls, patience_s=self._patience_s)

    @property
    def make_protocol(self) -> Callable[[], asyncio.Protocol]:
        """What makes HTTP of a connection."""
        assert self._runner.server
        return self._runner.server

    # ------------------------------------------------------------ signals

    def _reload(self) -> Reload:
        app = self._app
        return Reload(
            app[IN_FORCE],
            app[SWITCHBOARD],
            reread=self._reread,
            certificates=self._certificates,
            twilio=app.get(TWILIO),
            sip=app.get(SIP),
            ari=app.get(ARI),
        )

    def _handlers(self, reload: Reload) -> Mapping[signal.Signals, Callable[[], None]]:
        shutdown = self._app[SHUTDOWN]
        return {
            signal.SIGTERM: shutdown.terminate,
            signal.SIGINT: shutdown.interrupt,
            signal.SIGHUP: lambda: self._run(reload.reload()),
        }

    def _note(self, signum: signal.Signals) -> None:
        """Set the time at which the process is gone, whatever the loop does."""
        if signum is signal.SIGTERM and not self._terminated:
            self._terminated = True
            self._last_resort.within(longest_s(self._options))
        elif signum is not signal.SIGHUP:
            self._last_resort.within(end_s(self._options))

    # ------------------------------------------------------------ the next server

    async def give_way(self, why: str) -> None:
        """Take no more connections and drain: another process has our sockets. `why`: for the log."""
        await self._door.give_up()
        for listening in [*self._app[AUDIOSOCKET], *self._app.get(WYOMING, ())]:
            listening.close()
        self._app[CONNECTIONS].keep_none()
        self._run(self._linger(why))

    async def _hand_over(self, path: Path | None) -> None:
        """Leave new connections to the server that has our sockets now, and drain."""
        assert path
        await self.give_way("another server has taken the port")
        own = _own(path)
        await web.UnixSite(self._runner, own).start()
        own.chmod(0o600)
        log.info("another server has taken the port; /healthz, /readyz and /metrics of this one are at %s", own)

    async def _linger(self, why: str) -> None:
        """Drain once the connections that we took before have said what they want: those are calls of ours."""
        await asyncio.sleep(_REQUESTS_S)
        self._last_resort.within(longest_s(self._options))
        self._app[SHUTDOWN].drain(why)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def make_runner(app: web.Application, *, drain_s: float) -> web.AppRunner:
    """Return what speaks HTTP: it inflates nothing that strangers send, and logs their faults as refusals."""
    http_log = HttpLog(logging.getLogger("aiohttp.server"), app[REFUSALS])
    return web.AppRunner(app, access_log=None, shutdown_timeout=drain_s, auto_decompress=False, logger=http_log)


def _own(path: Path) -> Path:
    """Return where a server is reached that has given up its port."""
    return Path(f"{path}.{os.getpid()}")
