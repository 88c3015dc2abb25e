"""What legs share: a leg around another, the first event and the last, and how long a peer has said nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from aiohttp import WSCloseCode

from bridge.leg import OpeningLeg
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, CallStarted, Command, Event, Malformed


class WrappedLeg:
    """A leg that adds something to `leg`; what a subclass does not say itself is that of `leg`."""

    def __init__(self, leg: OpeningLeg) -> None:
        self.capabilities = leg.capabilities
        self._leg = leg

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

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """See Leg."""
        await self._leg.close(reason, code=code)


async def first(
    receive: Callable[[], Awaitable[Sequence[Event]]],
    *,
    timeout_s: float,
    missing: str,
    refuse: Callable[[Malformed], Awaitable[None]] | None = None,
) -> tuple[CallStarted, Sequence[Event]]:
    """Return the start of a call, and what came in one message with it. `refuse` answers what is malformed before.

    Raises:
        RemoteProtocolError: it is not there within `timeout_s`, when there is only `missing` to tell; or the peer left.
    """
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                events = await receive()
                for index, event in enumerate(events):
                    if isinstance(event, CallStarted):
                        return event, events[index + 1 :]
                    if isinstance(event, CallEnded):
                        raise RemoteProtocolError(f"{event.reason} before the call started")
                    if isinstance(event, Malformed) and refuse:
                        await refuse(event)
    except TimeoutError:
        raise RemoteProtocolError(f"{missing} within {timeout_s:g} s") from None


async def until_end(early: Sequence[Event], receive: Callable[[], Awaitable[Sequence[Event]]]) -> AsyncIterator[Event]:
    """Yield `early` and what is received after it, up to and with CallEnded."""
    events = early
    while True:
        for event in events:
            yield event
            if isinstance(event, CallEnded):
                return
        events = await receive()


class Silence:
    """How long a peer has said nothing.

    One timer a call that looks at the clock now and then: a timeout around each of 50 messages a second costs 20 times
    as much.
    """

    def __init__(self, idle_s: float | None, what: str = "no message from the peer") -> None:
        """`idle_s`: so much is too long; None: nothing is."""
        self._idle_s, self._what = idle_s, what
        self._clock = asyncio.get_running_loop().time
        self._heard_s = self._clock()

    def broken(self) -> None:
        """The peer has said something."""
        self._heard_s = self._clock()

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once it was too long; return what ends the watch."""
        if (idle_s := self._idle_s) is None:
            return lambda: None
        timer: asyncio.TimerHandle
        loop = asyncio.get_running_loop()

        def look() -> None:
            nonlocal timer
            left_s = self._heard_s + idle_s - self._clock()
            if left_s <= 0:
                gone(f"{self._what} for {idle_s:g} s")
            else:
                timer = loop.call_later(left_s, look)

        def end() -> None:
            timer.cancel()

        self._heard_s = self._clock()
        timer = loop.call_later(idle_s, look)
        return end
