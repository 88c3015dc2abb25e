"""The caller's side as I/O: an async iterator of events and `send(command)`. The wire's rules are in telephony/."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from telephony.errors import RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Capabilities,
    Command,
    Event,
    Malformed,
    Owed,
    Problem,
    WireProtocol,
)

_REASON_BYTES: Final = 123  # RFC 6455: a close frame holds 125, two of them the code
_HUNG_UP: Final = {0, WSCloseCode.OK, WSCloseCode.GOING_AWAY}  # 0: without a code


class LegLost(Exception):
    """What carried the call broke on our side, not the caller's; the text says what."""


class Leg(Protocol):
    """The caller's side of one call."""

    capabilities: Capabilities

    def __aiter__(self) -> AsyncIterator[Event]:
        """Yield what the peer tells; the last event is CallEnded.

        Raises:
            RemoteProtocolError: the peer broke its protocol beyond repair.
            LegLost: what carries the call broke on our side.
        """

    async def send(self, command: Command, /) -> None:
        """Carry out `command`; does nothing once the peer is gone. A peer that stops reading is gone."""

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """Hang up, telling why where the wire can."""


class OpeningLeg(Leg, Protocol):
    """A leg whose call has yet to begin, and that may go silent."""

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer is ready.

        Raises:
            RemoteProtocolError: it did not get ready in time, or hung up.
        """

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the peer has said nothing for too long; return what ends the watch."""


class Around:
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


class WebSocketLeg:
    """A wire over a WebSocket."""

    def __init__(
        self,
        socket: web.WebSocketResponse | ClientWebSocketResponse,
        protocol: WireProtocol,
        *,
        abort: Callable[[], None],
        idle_s: float | None,
        send_s: float,
    ) -> None:
        """`abort` drops the connection at once, for a peer that takes no more.

        `idle_s`: the peer is gone when it says nothing for so long; None trusts the socket's own pings.
        """
        self.capabilities = protocol.capabilities
        self._socket, self._protocol = socket, protocol
        self._silence, self._send_s, self._abort = Silence(idle_s), send_s, abort
        self._lost = "connection lost"  # why, when it is
        self._dropped = False  # by us
        self._writing = asyncio.Lock()
        self._early: Sequence[Event] = ()  # came in one message with CallStarted

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer is ready.

        Raises:
            RemoteProtocolError: it did not get ready in time, or hung up.
        """
        await self._write(self._protocol.open())
        missing = "no start message"
        started, self._early = await first(self._receive, timeout_s=timeout_s, missing=missing, refuse=self._refuse)
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end(self._early, self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the peer has said nothing for `idle_s`; return what ends the watch."""
        return self._silence.watch(gone)

    async def send(self, command: Command, /) -> None:
        await self._write(self._protocol.send(command))

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        message = reason.encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore").encode()
        try:
            async with asyncio.timeout(self._send_s), self._writing:
                await self._socket.close(code=code, message=message)
        except TimeoutError:  # it reads nothing, or does not hang up in turn
            self._drop()

    async def _receive(self) -> Sequence[Event]:
        message = await self._socket.receive()
        self._silence.broken()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                return await self._settle(self._protocol.receive(message.data))
            case WSMsgType.CLOSE:
                return [CallEnded("caller hung up" if message.data in _HUNG_UP else f"closed with {message.data}")]
            case WSMsgType.ERROR:
                return [CallEnded(f"{self._lost}: {message.data}")]
            case _:
                return [CallEnded(self._lost)]

    async def _settle(self, events: Sequence[Event]) -> Sequence[Event]:
        """Say what `events` have us say; return the others."""
        for event in events:
            if isinstance(event, Owed):
                await self._write(event.messages)
        return [event for event in events if not isinstance(event, Owed)]

    async def _refuse(self, event: Malformed) -> None:
        await self.send(Problem(event.message))

    async def _write(self, messages: Sequence[str | bytes]) -> None:
        """Write; a caller that is cancelled leaves the rest to be written or dropped, within `send_s`.

        aiohttp has one future for all who wait for room, and a waiter that is cancelled cancels it for the others.
        So one waits at a time, and none is cancelled.
        """
        await asyncio.shield(self._write_in_turn(messages))

    async def _write_in_turn(self, messages: Sequence[str | bytes]) -> None:
        try:
            async with asyncio.timeout(self._send_s), self._writing:
                for message in messages:
                    if self._socket.closed or self._dropped:
                        return
                    if isinstance(message, str):
                        await self._socket.send_str(message)
                    else:
                        await self._socket.send_bytes(message)
        except ConnectionError:
            pass  # the receiving side hears of it and ends the call with its reason
        except TimeoutError:
            self._lost = f"the peer has not read for {self._send_s:g} s"
            self._drop()

    def _drop(self) -> None:
        self._dropped = True
        self._abort()
