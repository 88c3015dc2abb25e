"""Whether the SIP process is there, though it may have nothing to say."""

import asyncio
from collections.abc import Callable
from typing import Self

from bridge.containment import begun, cancelled
from bridge.timeouts import Countdown


class Pulse:
    """Asks the process whether it is there, four times in `frozen_s`; `frozen` is called once it says nothing."""

    def __init__(self, frozen_s: float, ping: Callable[[], None], frozen: Callable[[], None]) -> None:
        self._frozen_s, self._ping, self._frozen = frozen_s, ping, frozen
        self._countdown: Countdown | None = None
        self._asking: asyncio.Task[None] | None = None
        self.stopped = False
        """True once it was `frozen`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._countdown and self._asking:
            self._countdown.end()
            await cancelled(self._asking)

    def start(self) -> None:
        """Begin to ask."""
        self._countdown = Countdown(self._frozen_s, self._stop)
        self._asking = begun(self._ask(), "the pulse of the SIP process")

    def beat(self) -> None:
        """It has said something."""
        if self._countdown:
            self._countdown.renew()

    async def _ask(self) -> None:
        while True:
            self._ping()
            await asyncio.sleep(self._frozen_s / 4)

    def _stop(self) -> None:
        self.stopped = True
        self._frozen()
