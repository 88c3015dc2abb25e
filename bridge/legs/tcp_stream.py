"""The caller's side over TCP: a stream of frames in, paced frames out. The wire's rules are in telephony/."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from aiohttp import WSCloseCode

from bridge.legs.pacer import Pacer
from telephony.errors import RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Event,
    Hangup,
    Mark,
    Play,
    Played,
)

_READ_BYTES: Final = 16 * 1024
_QUIET_S: Final = 0.3
"""A channel that has something to play sends it 20 ms after it connected; one that has not begins its call so late."""
_MAX_EVENTS: Final = 100
"""Events that wait to be heard: two seconds of audio. Past that the peer is slowed by its socket."""


class StreamProtocol(Protocol):
    """A wire format on a stream of bytes: `telephony.events.WireProtocol` without text."""

    capabilities: Capabilities

    def receive(self, data: bytes, /) -> Sequence[Event]: ...

    def quiet(self) -> Sequence[Event]:
        """Return what it means that a peer which has connected sends nothing."""

    def send(self, command: Command, /) -> Sequence[bytes]: ...


class StreamLeg:
    """A wire over a TCP connection that we accepted. `pump` has to run beside the call."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: StreamProtocol,
        *,
        send_s: float,
    ) -> None:
        """`send_s`: the peer is gone when it reads nothing for so long; it may have nothing to say for ever."""
        self.capabilities = protocol.capabilities
        self._reader, self._writer, self._protocol = reader, writer, protocol
        self._send_s = send_s
        self._clock = asyncio.get_running_loop().time
        self._events: asyncio.Queue[Event | RemoteProtocolError] = asyncio.Queue(_MAX_EVENTS)
        self._started = asyncio.Event()
        self._pace: Pacer | None = None  # from the first audio on, which tells the rate
        self._lost = ""  # why, when it is
        self._read_s = self._clock()  # when the peer last had read all

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer has said which call it is, and at what rate it talks.

        Raises:
            RemoteProtocolError: it did not in time, or is no peer of this wire.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    match await self._first():
                        case CallStarted() as started:
                            self._pace = Pacer(started.format, self._clock() * 1000)
                            self._read_s = self._clock()
                            self._started.set()
                            return started
                        case CallEnded(reason):
                            raise RemoteProtocolError(f"{reason} before the call started")
                        case RemoteProtocolError() as error:
                            raise error
        except TimeoutError:
            raise RemoteProtocolError(f"no call within {timeout_s:g} s") from None

    async def _first(self) -> Event | RemoteProtocolError | None:
        """Return the next of what comes before the call; None where it is too quiet for any."""
        try:
            async with asyncio.timeout(_QUIET_S):
                return await self._events.get()
        except TimeoutError:
            return next(iter(self._protocol.quiet()), None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            if isinstance(event, RemoteProtocolError):
                raise event
            yield event
            if isinstance(event, CallEnded):
                return

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Do nothing: a peer that is gone is noticed by what it does not read."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        match command:
            case Play(payload) if self._pace:
                self._pace.play(payload)
            case Mark(name) if self._pace:
                self._pace.mark(name)
            case Clear() if self._pace:
                self._tell_played(self._pace.clear())
            case _:
                self._write(self._protocol.send(command))

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """Hang up. The wire has no words for `reason` and `code`."""
        self._write(self._protocol.send(Hangup(reason)))
        self._writer.close()
        try:
            async with asyncio.timeout(self._send_s):
                await self._writer.wait_closed()
        except ConnectionError:
            pass  # it was gone already
        except TimeoutError:  # it reads nothing
            self._writer.transport.abort()

    async def pump(self) -> None:
        """Read and pace until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._pace_out())

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_READ_BYTES):
                for event in self._protocol.receive(data):
                    await self._events.put(event)
        except RemoteProtocolError as error:
            await self._events.put(error)
        except ConnectionError as error:
            await self._events.put(CallEnded(self._lost or f"connection lost: {error}"))
        else:
            await self._events.put(CallEnded(self._lost or "caller hung up"))

    async def _pace_out(self) -> None:
        await self._started.wait()
        while self._pace and not self._writer.is_closing():
            now_s = self._clock()
            frames, played = self._pace.due(now_s * 1000)
            for frame in frames:
                self._write(self._protocol.send(Play(frame)))
            self._tell_played(played)
            if not self._writer.transport.get_write_buffer_size():
                self._read_s = now_s
            elif now_s - self._read_s > self._send_s:
                self._lost = f"the peer has not read for {self._send_s:g} s"
                self._writer.transport.abort()
                return
            await asyncio.sleep(self._pace.next_ms / 1000 - self._clock())  # below 0: at once

    def _tell_played(self, names: Sequence[str]) -> None:
        for name in names:
            with suppress(asyncio.QueueFull):  # the call is seconds behind, and its own clock tells it soon enough
                self._events.put_nowait(Played(name))

    def _write(self, messages: Sequence[bytes]) -> None:
        if not self._writer.is_closing():
            self._writer.writelines(messages)
