"""The caller's side as RTP over UDP; what is no audio goes by `Control`. The rules are in telephony/rtp.py."""

import asyncio
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Protocol, Self

from bridge.leg import HangupCause, LegLost
from bridge.legs.base import LegTasks, until_end
from bridge.legs.inbox import Inbox
from bridge.legs.paced_playback import PacedPlayback
from bridge.timeouts import timeout
from telephony.errors import RemoteProtocolError
from telephony.events import (
    CallEnded,
    CallStarted,
    Capabilities,
    Clear,
    Command,
    Dtmf,
    Event,
    Hangup,
    Join,
    Leave,
    Mark,
    Play,
    SendDtmf,
    Transfer,
)
from telephony.malformed import MAX_MALFORMED, Malformations, Refused
from telephony.rtp import Receiver, Sender

log = logging.getLogger(__name__)

Address = tuple[str, int]

_TRIES: Final = 50
_MOST: Final = 3000
"""Events that may wait for a call that does not keep up: a minute of audio."""


class Control(Protocol):
    """What sets a call up and ends it, where its audio is RTP."""

    capabilities: Capabilities
    payload_type: int

    async def connect(self, ours: Address) -> tuple[CallStarted, Address]:
        """Answer, and have the audio sent to `ours`; return the call, and where its audio comes from and goes to.

        Raises:
            RemoteProtocolError: the call cannot be set up.
        """

    async def carry_out(self, command: Hangup | Transfer | Join | Leave | SendDtmf) -> None:
        """Carry out `command`.

        Raises:
            RuntimeError: it does not happen, and why.
        """

    async def close(self) -> None:
        """End what is left of the call."""


class RtpLeg(asyncio.DatagramProtocol):
    """The caller's side of one call whose audio is RTP."""

    def __init__(self, control: Control, *, host: str, ports: range) -> None:
        """`host`: the address to listen on, which the peer is told. `ports`: an even one of them is taken."""
        self.capabilities = control.capabilities
        self._control, self._host, self._ports = control, host, ports
        self._clock = asyncio.get_running_loop().time
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: Address | None = None  # set by `start`, as are the next three
        self._receiver: Receiver
        self._sender: Sender
        self._playback: PacedPlayback
        self._inbox = Inbox[Event](_MOST)
        self._tasks = LegTasks(self._inbox.put_always)
        self._malformations = Malformations(at_most=MAX_MALFORMED)
        self._over = False

    # ------------------------------------------------------------ what comes

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Take a packet; one from elsewhere than where the call's audio is, is dropped."""
        if addr[:2] != self._peer:
            return
        now_ms = self._clock() * 1000
        try:
            self._receiver.put(data, now_ms)
        except Refused as why:
            self._refuse(why)
            return
        self._malformations.good()
        self._inbox.put(*self._receiver.take(now_ms))

    def _refuse(self, why: Refused) -> None:
        try:
            self._inbox.put(*self._malformations.tell(why))
        except RemoteProtocolError as error:
            self._inbox.put_always(error)

    def error_received(self, exc: Exception) -> None:
        """Go on: nobody is there yet, or no more, and its end is told otherwise."""
        log.debug("RTP: %s", exc)

    def pressed(self, digit: str) -> None:
        """Note that the caller has pressed a key."""
        self._inbox.put(Dtmf(digit))

    def ended(self, reason: str) -> None:
        """Note that the call has ended."""
        if not self._over:
            self._over = True
            self._inbox.put_always(CallEnded(reason))

    # ------------------------------------------------------------ the bridge's side

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop sending, and give the port back."""
        self._drop()
        await self._tasks.stop()

    async def start(self, timeout_s: float) -> CallStarted:
        """Answer, and wait until it is known where the audio goes.

        Raises:
            RemoteProtocolError: it is not in time, or the caller hung up.
            LegLost: no port is free.
        """
        self._transport = await self._open()
        port = self._transport.get_extra_info("sockname")[1]
        try:
            async with timeout(timeout_s):
                started, peer = await self._control.connect((self._host, port))
        except TimeoutError:
            raise RemoteProtocolError(f"the call was not set up within {timeout_s:g} s") from None
        now_ms, kind = self._clock() * 1000, self._control.payload_type
        self._receiver = Receiver(started.format, kind, now_ms)
        chance = secrets.randbits
        self._sender = Sender(started.format, kind, ssrc=chance(32), sequence=chance(16), timestamp=chance(32))
        self._playback = PacedPlayback(started.format, send=self._send_frames, tell=self._inbox.put_always)
        self._peer = peer
        self._tasks.start(self._playback.run())
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end((), self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Do nothing: a peer with nothing to play sends nothing, and its end is told otherwise."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            RuntimeError: a transfer, a room or keys, and why not.
        """
        match command:
            case Play() | Mark() | Clear():
                self._playback.take(command)
            case Hangup() | Transfer() | Join() | Leave() | SendDtmf() if not self._over:
                await self._control.carry_out(command)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up, unless the other side has; RTP has no words for `reason` and `cause`."""
        self._over = True
        self._drop()
        await self._control.close()

    async def _receive(self) -> Sequence[Event]:
        return (await self._inbox.get(),)

    def _send_frames(self, frames: Sequence[bytes]) -> None:
        """Send what is due, and keep the time of a caller who sends nothing."""
        if self._transport and not self._transport.is_closing():
            for frame in frames:
                self._transport.sendto(self._sender.packet(frame), self._peer)
            self._inbox.put(*self._receiver.take(self._clock() * 1000))

    def _drop(self) -> None:
        if self._transport:
            self._transport.close()

    async def _open(self) -> asyncio.DatagramTransport:
        """Return a socket on an even port, as is usual for RTP: the odd ones are for RTCP, which we do not speak.

        Raises:
            LegLost: no port is free.
        """
        loop = asyncio.get_running_loop()
        evens = range(self._ports.start + self._ports.start % 2, self._ports.stop, 2)
        error: OSError | None = None
        for _ in range(_TRIES):
            try:
                transport, _protocol = await loop.create_datagram_endpoint(
                    lambda: self, (self._host, secrets.choice(evens)), family=socket.AF_UNSPEC
                )
            except OSError as taken:
                error = taken
                continue
            return transport
        raise LegLost(f"no port for RTP on {self._host} in {self._ports.start} to {self._ports.stop - 1}: {error}")
