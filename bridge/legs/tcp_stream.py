"""The caller's side over TCP: a stream of frames in, paced frames out. The wire's rules are in telephony/."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol, Self

from bridge.leg import HangupCause
from bridge.legs.base import HUNG_UP, LegTasks, first, until_end
from bridge.legs.inbox import Inbox
from bridge.legs.paced_playback import PacedPlayback
from bridge.speech.format_adapter import FormatAdapter
from bridge.timeouts import Countdown
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Event,
    FormatChanged,
    Hangup,
    Mark,
    Media,
    Play,
)

_READ_BYTES: Final = 16 * 1024
_QUIET_S: Final = 0.3
"""A channel with audio sends it 20 ms after it has connected; the call of a channel without begins after this time."""
_MAX_EVENTS: Final = 100
"""Events that may wait for the call: two seconds of audio. Past that the socket slows the peer."""


class StreamProtocol(Protocol):
    """A wire format on a stream of bytes: `telephony.wire_protocol.WireProtocol` without text."""

    capabilities: Capabilities

    def receive(self, data: bytes, /) -> Sequence[Event]: ...

    def quiet(self) -> Sequence[Event]:
        """Return the events that follow from a peer that has connected and sends nothing."""

    def send(self, command: Command, /) -> Sequence[bytes]: ...


class StreamLeg:
    """A wire over a TCP connection that we accepted."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        protocol: StreamProtocol,
        *,
        send_s: float,
    ) -> None:
        """`send_s`: the peer is gone when it reads nothing for so long; it may be silent for ever."""
        self.capabilities = protocol.capabilities
        self._reader, self._writer, self._protocol = reader, writer, protocol
        self._send_s = send_s
        self._inbox = Inbox[Event](_MAX_EVENTS)
        self._tasks = LegTasks(self._inbox.put_always)
        self._playback: PacedPlayback | None = None  # from the first audio on, which tells the rate
        self._early: Sequence[Event] = ()  # what was noticed before the call began
        self._format: AudioFormat | None = None  # of the call
        self._adapter: FormatAdapter | None = None  # once the peer's format is another
        self._lost = ""  # the reason, when we drop the connection
        self._unread = Countdown(send_s, self._look)  # since the peer had read all

    async def __aenter__(self) -> Self:
        self._tasks.start(self._read())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._unread.end()
        self._writer.close()  # where the call was cut off, nothing else has
        await self._tasks.stop()

    async def start(self, timeout_s: float) -> CallStarted:
        """Wait until the peer has said which call it is, and at what rate it talks.

        Raises:
            RemoteProtocolError: it does not in time, or does not speak this wire's protocol.
        """
        started, self._early = await first(self._receive_or_quiet, timeout_s=timeout_s, missing="no call")
        self._format = started.format
        self._playback = PacedPlayback(started.format, send=self._send_frames, tell=self._inbox.put_always)
        self._tasks.start(self._playback.run())
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end(self._early, self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Do nothing: a peer that is gone is noticed by what it does not read."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        match command:
            case Play() | Mark() | Clear() if self._playback:
                self._playback.take(command)
            case _:
                self._write(self._protocol.send(command))

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up. Whether the wire has words for `reason` is up to its protocol; it has none for `cause`."""
        self._write(self._protocol.send(Hangup(reason)))
        self._writer.close()
        try:
            async with asyncio.timeout(self._send_s):
                await self._writer.wait_closed()
        except ConnectionError:
            pass  # it was gone already
        except TimeoutError:  # it reads nothing
            self._writer.transport.abort()

    async def _receive(self) -> Sequence[Event]:
        return (await self._inbox.get(),)

    async def _receive_or_quiet(self) -> Sequence[Event]:
        """Return what comes before the call, or what it means that nothing does."""
        try:
            async with asyncio.timeout(_QUIET_S):
                return await self._receive()
        except TimeoutError:
            return self._protocol.quiet()

    async def _read(self) -> None:
        """Read until the peer is gone. What breaks the protocol is raised, and so told to the call."""
        try:
            while data := await self._reader.read(_READ_BYTES):
                for event in self._protocol.receive(data):
                    await self._take(event)
        except (ConnectionResetError, BrokenPipeError):
            reason = HUNG_UP  # who closes a socket with audio of ours unread in it resets it
        except OSError as error:
            reason = f"connection lost: {error}"
        else:
            reason = HUNG_UP
        self._inbox.put_always(CallEnded(self._lost or reason))

    async def _take(self, event: Event) -> None:
        """Hand on what the peer tells, in the call's format."""
        match event:
            case FormatChanged(audio) if self._format:
                self._adapter = FormatAdapter(self._format, audio)
            case Media() if self._adapter:
                await self._inbox.put_in_turn(self._adapter.heard(event))
            case _:
                await self._inbox.put_in_turn(event)

    def _send_frames(self, frames: Sequence[bytes]) -> None:
        if self._writer.is_closing():
            return
        for frame in frames:
            self._write(self._protocol.send(Play(self._adapter.said(frame) if self._adapter else frame)))
        if not self._writer.transport.get_write_buffer_size():
            self._unread.renew()

    def _look(self) -> None:
        if self._writer.is_closing():
            return
        if not self._writer.transport.get_write_buffer_size():  # it has read all, and was sent nothing since
            self._unread = Countdown(self._send_s, self._look)
            return
        self._lost = f"the peer has not read for {self._send_s:g} s"
        self._writer.transport.abort()

    def _write(self, messages: Sequence[bytes]) -> None:
        if not self._writer.is_closing():
            self._writer.writelines(messages)
