"""A leg over a WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Self

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from bridge.leg import HangupCause
from bridge.legs.base import HUNG_UP, LegTasks, Silence, first, until_end
from bridge.speech.format_adapter import FormatAdapter
from bridge.timeouts import timeout
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Command,
    Event,
    FormatChanged,
    Malformed,
    Media,
    Owed,
    Play,
    Problem,
)
from telephony.wire_protocol import Closing, SaysGoodbye, StartsQuietly, WireProtocol

PING_S: Final = 15.0
"""Between the pings of a peer that may have nothing to say for long: they tell whether it is there."""
_QUIET_S: Final = 0.5
"""A peer that has said something, and nothing more for so long, waits for us: what it has not told is guessed."""
_REASON_BYTES: Final = 123  # RFC 6455: a close frame holds 125, two of them the code
_CODES: Final[Mapping[HangupCause, WSCloseCode]] = {
    HangupCause.NORMAL: WSCloseCode.OK,
    HangupCause.GOING_AWAY: WSCloseCode.GOING_AWAY,
    HangupCause.PROTOCOL_ERROR: WSCloseCode.PROTOCOL_ERROR,
    HangupCause.INTERNAL_ERROR: WSCloseCode.INTERNAL_ERROR,
}
_IN_ORDER: Final = {0, WSCloseCode.OK, WSCloseCode.GOING_AWAY}  # 0: without a code


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
        ping_s: float | None = None,
    ) -> None:
        """`abort` drops the connection at once, for a peer that takes no more.

        `ping_s`: seconds between pings that nobody waits for an answer to. A peer that we let wait cannot answer in
        time: its pong stands behind the audio that we have not read.

        `idle_s`: the peer is gone when it says nothing for so long; None trusts the socket's own pings.
        """
        self.capabilities = protocol.capabilities
        self._socket, self._protocol = socket, protocol
        self._silence, self._send_s, self._abort = Silence(idle_s), send_s, abort
        self._lost = "connection lost"  # the reason, when it is
        self._dropped = False  # by us
        self._writing = asyncio.Lock()
        self._ping_s, self._tasks = ping_s, LegTasks(self._fault)
        self._early: Sequence[Event] = ()  # came in one message with CallStarted
        self._format: AudioFormat | None = None  # of the call
        self._adapter: FormatAdapter | None = None  # once the peer's format is another

    async def __aenter__(self) -> Self:
        if self._ping_s:
            self._tasks.start(self._ping(self._ping_s))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._tasks.stop()

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer is ready.

        Raises:
            RemoteProtocolError: it did not get ready in time, or hung up.
        """
        await self._write(self._protocol.open())
        missing = "no start message"
        receive = self._receive_or_quiet if isinstance(self._protocol, StartsQuietly) else self._receive
        started, self._early = await first(receive, timeout_s=timeout_s, missing=missing, refuse=self._refuse)
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end(self._early, self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the peer has said nothing for `idle_s`; return what ends the watch."""
        return self._silence.watch(gone)

    async def send(self, command: Command, /) -> None:
        if self._adapter and isinstance(command, Play):
            command = Play(self._adapter.said(command.payload))
        await self._write(self._protocol.send(command))

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Close the socket. `reason` is cut to what a close frame holds."""
        said = Closing(())
        if isinstance(self._protocol, SaysGoodbye) and cause is HangupCause.NORMAL:
            said = self._protocol.closing(reason)
        await self._write(said.messages)
        message = (said.reason or reason).encode(errors="replace")[:_REASON_BYTES].decode(errors="ignore").encode()
        try:
            async with timeout(self._send_s), self._writing:
                await self._socket.close(code=said.code or _CODES[cause], message=message)
        except TimeoutError:  # it reads nothing, or does not hang up in turn
            self._drop()

    async def _receive(self) -> Sequence[Event]:
        message = await self._socket.receive()
        self._silence.broken()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                return await self._settle(self._protocol.receive(message.data))
            case WSMsgType.CLOSE:
                return [CallEnded(HUNG_UP if message.data in _IN_ORDER else f"closed with {message.data}")]
            case WSMsgType.ERROR:
                return [CallEnded(f"{self._lost}: {message.data}")]
            case _ if self.capabilities.hangs_up_by_socket and not self._dropped:
                return [CallEnded(HUNG_UP)]
            case _:
                return [CallEnded(self._lost)]

    async def _receive_or_quiet(self) -> Sequence[Event]:
        """Return what comes before the call, or what it means that nothing does."""
        assert isinstance(self._protocol, StartsQuietly)
        try:
            async with asyncio.timeout(_QUIET_S):
                return await self._receive()
        except TimeoutError:
            return await self._settle(self._protocol.quiet())

    async def _settle(self, events: Sequence[Event]) -> Sequence[Event]:
        """Send what we owe the peer by the rules of the wire; return the other events, in the call's format."""
        settled: list[Event] = []
        for event in events:
            match event:
                case Owed(messages):
                    await self._write(messages)
                case FormatChanged(audio) if self._format:
                    self._adapter = FormatAdapter(self._format, audio)
                case Media() if self._adapter:
                    settled.append(self._adapter.heard(event))
                case CallStarted():
                    self._format = event.format
                    settled.append(event)
                case _:
                    settled.append(event)
        return settled

    async def _refuse(self, event: Malformed) -> None:
        await self.send(Problem(event.message))

    async def _write(self, messages: Sequence[str | bytes]) -> None:
        """Write `messages`. Where the caller is cancelled, the rest is still written, or dropped after `send_s`.

        aiohttp has one future for all who wait for room, and a waiter that is cancelled cancels it for the others.
        So one waits at a time, and none is cancelled.
        """
        await asyncio.shield(self._write_in_turn(messages))

    async def _write_in_turn(self, messages: Sequence[str | bytes]) -> None:
        try:
            async with timeout(self._send_s), self._writing:
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

    async def _ping(self, every_s: float) -> None:
        """Keep what stands between us and the peer from taking a quiet socket for a dead one."""
        while not self._socket.closed:
            await asyncio.sleep(every_s)
            with suppress(ConnectionError, TimeoutError):  # who writes or reads next hears of it
                async with timeout(self._send_s), self._writing:
                    await self._socket.ping()

    def _fault(self, error: Exception) -> None:
        self._lost = f"{self._lost}: {error!r}"
        self._drop()

    def _drop(self) -> None:
        self._dropped = True
        self._abort()
