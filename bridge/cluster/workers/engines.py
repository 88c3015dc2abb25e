"""The process of the engines that all workers share: there before them, started anew where it dies, ended last."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable

from bridge.backoff import Backoff
from bridge.cluster.workers.started import StartFailed, SupervisedProcess
from bridge.containment import cancelled

log = logging.getLogger(__name__)

_FIRST_PAUSE_S = 1.0
_STEADY_S = 60.0


class SharedEnginesProcess:
    """That of one server. While it is gone, the workers' calls keep their words and wait, as with any engine."""

    def __init__(
        self,
        launch: Callable[[], Awaitable[SupervisedProcess]],
        *,
        clock_s: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._launch, self._clock_s, self._pause = launch, clock_s, pause
        self._process: SupervisedProcess | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the engines are loaded.

        Raises:
            StartFailed: they were not. OSError: the process cannot be started.
        """
        self._process = await self._launch()
        if not await self._process.ready():
            raise StartFailed(await self._process.ended())
        self._keeping = asyncio.create_task(self._keep(self._process))

    async def end(self) -> None:
        """End it, and wait for that; at the longest for the time that its engines take."""
        await cancelled(self._keeping)
        if self._process:
            self._process.signal(signal.SIGTERM)
            await self._process.ended()

    def give_up(self) -> None:
        """End it where it still loads. Once it serves, workers that end need it."""
        if self._process and not self._keeping:
            self._process.signal(signal.SIGTERM)

    async def _keep(self, process: SupervisedProcess) -> None:
        backoff = Backoff(_FIRST_PAUSE_S, steady_s=_STEADY_S)
        backoff.ready(self._clock_s())
        while True:
            code = await process.ended()
            log.error("the process of the engines has ended with code %d and is started again", code)
            await self._pause(backoff.failed(self._clock_s()))
            try:
                self._process = process = await self._launch()
            except OSError as error:
                log.error("it cannot be started: %s", error)
                continue
            if await process.ready():
                backoff.ready(self._clock_s())
