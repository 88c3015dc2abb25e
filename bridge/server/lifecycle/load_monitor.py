"""Looks at the load once a second, and tells of each step: a line in the log and the metrics."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from bridge.admission.load import Load, Step, Whose
from bridge.metrics import LoadMetrics
from bridge.settings import Settings

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_WORDS: Final[Mapping[Step, str]] = MappingProxyType(
    {
        Step.NOTHING: "nothing is left out any more",
        Step.DENOISING: "nobody is denoised",
        Step.PARTIALS: "nobody is denoised, and there are no partials",
        Step.NEWCOMERS: "nobody is denoised, there are no partials, and new ones are refused",
    }
)


def make_load(settings: Settings, clock_s: Callable[[], float] = time.monotonic) -> Load:
    """Return the load of a server, with the limits of `settings`."""
    return Load(final_wait_s=settings.load_final_wait, loop_lag_s=settings.load_loop_lag, clock_s=clock_s)


class LoadMonitor:
    """Looks at `load`."""

    def __init__(
        self, load: Load, metrics: LoadMetrics, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`pause` waits for a number of seconds, between two looks."""
        self._load, self._metrics, self._pause = load, metrics, pause
        self._told = dict.fromkeys(Whose, Step.NOTHING)

    async def watch(self) -> None:
        """Look at it, without end."""
        while True:
            self._load.look()
            for whose in Whose:
                self._tell(whose)
            self._metrics.lag.set(self._load.lag.typical())
            await self._pause(_LOOK_S)

    def _tell(self, whose: Whose) -> None:
        load, step = self._load, self._load.step(whose)
        self._metrics.step.labels(whose).set(step)
        self._metrics.wait.labels(whose).set(load.wait_s(whose))
        if step is self._told[whose]:
            return
        self._told[whose] = step
        self._metrics.steps.labels(whose, step.name.lower()).inc()
        figures = f"finals wait {load.wait_s(whose):.2f} s, the event loop is {load.lag.typical():.2f} s late"
        log.warning("load of %s: %s (%s)", whose, _WORDS[step], figures)
