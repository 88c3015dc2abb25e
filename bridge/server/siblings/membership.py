"""What a server has in common with its other workers; of one that has none, nothing."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Middleware

from bridge.admission.lines import Lines
from bridge.admission.quotas import OwnQuotas, Quotas, SharedQuotas
from bridge.admission.scoreboard import Scoreboard
from bridge.containment import beside
from bridge.server.access.connections import Connections
from bridge.server.app_keys import CONNECTIONS, METRICS
from bridge.server.siblings.elsewhere import elsewhere
from bridge.server.siblings.passing import Taker
from bridge.server.siblings.private_app import private_app
from bridge.server.siblings.siblings import Siblings
from bridge.server.siblings.worker import ServingWorker, quotas_path, scoreboard_path

_PUBLISH_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One worker's."""

    siblings: Siblings
    quotas: Quotas
    middlewares: Sequence[Middleware] = ()
    _worker: ServingWorker | None = None
    _scoreboard: Scoreboard | None = None

    @classmethod
    def alone(cls) -> Self:
        """Return that of a server of one process."""
        return cls(siblings=Siblings(), quotas=OwnQuotas())

    @classmethod
    def of(cls, worker: ServingWorker) -> Self:
        """Return that of `worker`. Blocks on the disk.

        Raises:
            OSError: the folder of the workers is gone.
        """
        scoreboard = Scoreboard(scoreboard_path(worker.folder))
        return cls(
            siblings=Siblings(worker.folder, row=worker.row, number=worker.number),
            quotas=SharedQuotas(quotas_path(worker.folder), share=(worker.number - 1) / worker.workers),
            middlewares=[elsewhere(scoreboard)],
            _worker=worker,
            _scoreboard=scoreboard,
        )

    @property
    def audiosocket(self) -> Sequence[socket.socket]:
        """The sockets of AudioSocket's port that all workers listen on; none where this process opens its own."""
        return self._worker.audiosocket if self._worker else ()

    @property
    def patience_s(self) -> Callable[[], float]:
        """Returns for how long a caller who waits is left to workers that carry less."""
        board, row = self._scoreboard, self.siblings.row
        return (lambda: board.patience_s(row)) if board else (lambda: 0.0)

    def publish(self, lines: Lines, connections: Connections) -> None:
        """Have all workers see from now on how much this one carries."""
        board, row, pid = self._scoreboard, self.siblings.row, os.getpid()
        if board is None:
            return

        def publish() -> None:
            takes_calls = not (lines.draining or lines.overload)
            board.put(row, pid=pid, weight=lines.taken + connections.unasked, takes_calls=takes_calls)

        lines.changed = connections.changed = publish

    @asynccontextmanager
    async def reachable(
        self, app: web.Application, make_protocol: Callable[[], asyncio.Protocol]
    ) -> AsyncIterator[None]:
        """Let the other workers ask this one, and hand it connections, inside the `async with`."""
        if self._worker is None:
            yield
            return
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(private_app(app), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.UnixSite(runner, self._worker.private_path).start()
            await stack.enter_async_context(Taker(self._worker.passing_path, app[CONNECTIONS], make_protocol))
            async with beside(self._keep_publishing(app), "the publishing of what this worker carries"):
                yield

    def close(self) -> None:
        """Give back what files it holds."""
        if isinstance(self.quotas, SharedQuotas):
            self.quotas.close()
        if self._scoreboard:
            self._scoreboard.close()

    async def _keep_publishing(self, app: web.Application) -> None:
        """Tell of what changes while no line does, too."""
        while True:
            app[CONNECTIONS].changed()
            app[METRICS].measure()
            await asyncio.sleep(_PUBLISH_EVERY_S)
