"""From the signal to the end: no new calls, then those on the line end by themselves, or are ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from bridge.admission.lines import Lines
from bridge.containment import cancelled
from bridge.settings import Settings

log = logging.getLogger(__name__)

GOING: Final = "the server is shutting down"
_GOODBYE_S: Final = 5.0
"""So long the bots may take to say goodbye."""
_SLACK_S: Final = 2.0
"""The calls keep to final_timeout themselves; this is for closing their sockets."""
_CLOSING_S: Final = 8.0
"""For what is no call: the SIP process, the engines, the threads."""


def end_s(settings: Settings) -> float:
    """Return the seconds from the end of the drain to the end of the process, at the longest."""
    return _GOODBYE_S + settings.final_timeout + _SLACK_S + _CLOSING_S


def longest_s(settings: Settings) -> float:
    """Return the seconds from SIGTERM to the end of the process, at the longest."""
    return settings.drain_timeout + end_s(settings)


class CallsOut(Protocol):
    """What the shutdown asks of whoever places calls."""

    def drain(self) -> None:
        """Place no more calls; those that ring may be answered."""

    async def close(self) -> None:
        """Place no more calls, and hang up those that ring."""


class Shutdown:
    """The end of one server: it serves, it drains, it ends, and never goes back."""

    def __init__(
        self,
        lines: Lines,
        calls_out: CallsOut,
        settings: Settings,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`pause` waits for a number of seconds."""
        self._lines, self._calls_out, self._pause = lines, calls_out, pause
        self._drain_s, self._final_s, self._longest_s = (
            settings.drain_timeout,
            settings.final_timeout,
            longest_s(settings),
        )
        self._draining, self._ending, self._at_once = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._asked = self._ended = False

    # ------------------------------------------------------------ what asks for it

    def terminate(self) -> None:
        """Take SIGTERM: the first lets the calls go on, the second ends them with a goodbye, the third without."""
        if not self._asked:
            self._asked = True
            self.drain(GOING)
        elif not self._ending.is_set():
            log.info("a second signal: the calls are ended")
            self._ending.set()
        else:
            self._at_once.set()

    def interrupt(self) -> None:
        """Take SIGINT: the calls are ended at once."""
        self._lines.draining = True
        self._at_once.set()
        self._ending.set()

    def drain(self, why: str) -> None:
        """Take no new calls, and let those on the line go on for as long as the settings say."""
        if self._draining.is_set():
            return
        self._draining.set()
        self._lines.draining = True
        taken, longest = self._lines.taken, self._longest_s
        log.info("%s: no new calls; %d in progress go on, the process ends within %g s", why, taken, longest)
        self._calls_out.drain()
        for call in list(self._lines.calls):
            call.drain()

    # ------------------------------------------------------------ what comes of it

    async def time_to_end(self) -> None:
        """Return when the calls are to be ended: none is left, their time is over, or a signal says so."""
        await _first(self._draining.wait(), self._ending.wait())
        await _first(self._ending.wait(), self._lines.empty.wait(), self._pause(self._drain_s))
        log.info("shutting down: %d calls in progress", self._lines.taken)
        if not self._at_once.is_set():
            await self._say_goodbye()

    async def end_calls(self) -> None:
        """End running calls: their pending finals are sent before their sockets close. Does nothing a second time."""
        if self._ended:
            return
        self._ended = True
        self._lines.draining = self._lines.ending = True
        await self._calls_out.close()
        for call in list(self._lines.calls):
            call.stop(GOING)
        await _first(self._lines.empty.wait(), self._pause(self._final_s + _SLACK_S))
        if self._lines.taken:
            log.error("%d calls did not end in time and are cut off", self._lines.taken)

    async def _say_goodbye(self) -> None:
        self._lines.ending = True
        for call in list(self._lines.calls):
            call.finish(GOING)
        await _first(self._lines.empty.wait(), self._at_once.wait(), self._pause(_GOODBYE_S))


async def _first(*waits: Awaitable[object]) -> None:
    """Return when one of `waits` is over, and give the others up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancelled(*tasks)
