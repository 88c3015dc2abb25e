"""Servers of a test's own: on this machine, on a free port, gone with the test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar, Final, Self

from aiohttp import web

HOST: Final = "127.0.0.1"


@asynccontextmanager
async def served(
    app: web.Application, *, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None, cancels: bool = False
) -> AsyncIterator[str]:
    """Serve `app` and yield its URL, without a slash behind it.

    A handler goes on when its client has left, as in the bridge itself; aiohttp's own test server, like a server that
    `cancels`, ends it.
    """
    runner = web.AppRunner(app, handler_cancellation=cancels, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class AppServer:
    """Serves its `routes` while it is entered, and tells whoever waits that something has happened."""

    cancels: ClassVar = False
    """Whether a handler ends when its client leaves."""
    port: int = 0
    """0 is a free one."""
    url: str = ""

    def routes(self) -> Iterable[web.RouteDef]:
        """Return what it answers."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        self._changed = asyncio.Event()
        app = web.Application(client_max_size=1 << 24)
        app.add_routes(self.routes())
        self._serving = served(app, port=self.port, cancels=self.cancels)
        self.url = await self._serving.__aenter__()
        self.port = int(self.url.rpartition(":")[2])
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._serving.__aexit__(None, None, None)

    def changed(self) -> None:
        """Have those look again who wait `until` something has happened."""
        self._changed.set()

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until a request, or what else calls `changed`, makes `happened` true."""
        async with asyncio.timeout(5):
            while not happened():
                self._changed.clear()
                await self._changed.wait()
