"""What legs share: a leg around another, the tasks beside a call, its first event and its last, and a silent peer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Final, Self

from bridge.containment import cancelled
from bridge.leg import HangupCause, OpeningLeg
from bridge.timeouts import Countdown, timeout
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, CallStarted, Command, Event, Malformed, Notice

HUNG_UP: Final = "caller hung up"
"""Why most calls end."""
_MOST_NOTICES = 10  # of what comes before a call


class WrappedLeg:
    """A leg around `leg`. What a subclass does not define, `leg` does."""

    def __init__(self, leg: OpeningLeg) -> None:
        self.capabilities = leg.capabilities
        self._leg = leg

    async def __aenter__(self) -> Self:
        await self._leg.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._leg.__aexit__(*exc)

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        return await self._leg.start(timeout_s)

    def __aiter__(self) -> AsyncIterator[Event]:
        return aiter(self._leg)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg."""
        return self._leg.watch(gone)

    async def send(self, command: Command, /) -> None:
        """See Leg."""
        await self._leg.send(command)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """See OpeningLeg."""
        await self._leg.close(reason, cause=cause)


class PassiveLeg:
    """A leg that needs nothing to run beside its call."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None: ...


class LegTasks:
    """Tasks that run beside one call, as long as its leg is open."""

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        """`fail` takes the error of a task that failed: the call has to end with it."""
        self._fail = fail
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` until it is done or the leg is left."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._done)
        self._tasks.append(task)

    async def stop(self) -> None:
        """End them all; return when they have ended."""
        await cancelled(*self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._fail(error)


async def first(
    receive: Callable[[], Awaitable[Sequence[Event]]],
    *,
    timeout_s: float,
    missing: str,
    refuse: Callable[[Malformed], Awaitable[None]] | None = None,
) -> tuple[CallStarted, Sequence[Event]]:
    """Wait for the start of a call; return it, and what follows: notices before it, and events of the same message.

    `missing`: what there has not been after `timeout_s`, for the error. `refuse` answers malformed messages before it.

    Raises:
        RemoteProtocolError: the call does not start in time, or the peer hangs up before.
    """
    before: list[Event] = []
    try:
        async with timeout(timeout_s):
            while True:
                events = await receive()
                for index, event in enumerate(events):
                    if isinstance(event, CallStarted):
                        return event, [*before, *events[index + 1 :]]
                    if isinstance(event, CallEnded):
                        raise RemoteProtocolError(f"{event.reason} before the call started")
                    if isinstance(event, Notice) and len(before) < _MOST_NOTICES:
                        before.append(event)
                    if isinstance(event, Malformed) and event.told and refuse:
                        await refuse(event)
    except TimeoutError:
        raise RemoteProtocolError(f"{missing} within {timeout_s:g} s") from None


async def until_end(early: Sequence[Event], receive: Callable[[], Awaitable[Sequence[Event]]]) -> AsyncIterator[Event]:
    """Yield `early`, and then what is received, up to and including CallEnded."""
    events = early
    while True:
        for event in events:
            yield event
            if isinstance(event, CallEnded):
                return
        events = await receive()


class Silence:
    """Measures how long a peer has said nothing, while we listened.

    One timer a call that counts: a timeout around each of 50 messages a second costs 20 times as much.
    """

    def __init__(self, idle_s: float | None, what: str = "no message from the peer") -> None:
        """`idle_s`: how long is too long; None: never. `what` there has not been, for the reason."""
        self._idle_s, self._what = idle_s, what
        self._countdown: Countdown | None = None

    def broken(self) -> None:
        """Note that the peer has said something."""
        if self._countdown:
            self._countdown.renew()

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once it is too long; return what ends the watch."""
        if (idle_s := self._idle_s) is None:
            return lambda: None
        self._countdown = Countdown(idle_s, lambda: gone(f"{self._what} for {idle_s:g} s"))
        return self._countdown.end
