"""The caller's side as RTP over UDP; what is no audio goes by `Control`. The rules are in telephony/rtp.py."""

import asyncio
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from aiohttp import WSCloseCode

from bridge.leg import LegLost
from bridge.legs.pacer import Pacer
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
    Mark,
    Play,
    Played,
    SendDtmf,
    Transfer,
)
from telephony.malformed import Malformations, Refused
from telephony.rtp import Receiver, Sender

log = logging.getLogger(__name__)

Address = tuple[str, int]

_TRIES: Final = 50
_MOST: Final = 3000
"""Events that may wait for a call that does not keep up: a minute of audio."""
_MAX_MALFORMED: Final = 100


class Control(Protocol):
    """What sets a call up and ends it, where its audio is RTP."""

    capabilities: Capabilities
    payload_type: int

    async def connect(self, ours: Address) -> tuple[CallStarted, Address]:
        """Answer, and have the audio sent to `ours`; return the call, and where its audio comes from and goes to.

        Raises:
            RemoteProtocolError: it is not to be had.
        """

    async def carry_out(self, command: Hangup | Transfer | SendDtmf) -> None:
        """Carry out `command`.

        Raises:
            RuntimeError: it does not happen, and why.
        """

    async def close(self) -> None:
        """End what is left of the call; whatever is gone already is let be."""


class RtpLeg(asyncio.DatagramProtocol):
    """One call. `pump` has to run beside it."""

    def __init__(self, control: Control, *, host: str, ports: range) -> None:
        """`host`: the address to listen on, which the peer is told. `ports`: one of them is taken, an even one."""
        self.capabilities = control.capabilities
        self.strangers = 0
        """Packets from elsewhere than where the call's audio is."""
        self._control, self._host, self._ports = control, host, ports
        self._clock = asyncio.get_running_loop().time
        self._transport: asyncio.DatagramTransport | None = None
        self._peer: Address | None = None  # from the start on
        self._receiver: Receiver
        self._sender: Sender
        self._pace: Pacer
        self._events: asyncio.Queue[Event | RemoteProtocolError | LegLost] = asyncio.Queue()
        self._malformations = Malformations(at_most=_MAX_MALFORMED)
        self._started = asyncio.Event()
        self._over = False

    # ------------------------------------------------------------ what comes

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if addr[:2] != self._peer:
            self.strangers += 1
            return
        now_ms = self._clock() * 1000
        try:
            self._receiver.put(data, now_ms)
        except Refused as why:
            try:
                self._tell(*self._malformations.tell(why))
            except RemoteProtocolError as error:
                self._tell(error)
            return
        self._tell(*self._receiver.take(now_ms))

    def error_received(self, exc: Exception) -> None:
        log.debug("RTP: %s", exc)  # nobody there yet, or no more: its end is told otherwise

    def pressed(self, digit: str) -> None:
        self._tell(Dtmf(digit))

    def ended(self, reason: str) -> None:
        """The call is no more."""
        if not self._over:
            self._over = True
            self._tell(CallEnded(reason))

    def _tell(self, *events: Event | RemoteProtocolError | LegLost) -> None:
        for event in events:
            if self._events.qsize() == _MOST:
                self._events.put_nowait(LegLost("the bridge did not keep up with the call's audio"))
            elif self._events.qsize() < _MOST or isinstance(event, CallEnded):
                self._events.put_nowait(event)

    # ------------------------------------------------------------ the bridge's side

    async def start(self, timeout_s: float) -> CallStarted:
        """Answer, and wait until there is a way for the audio.

        Raises:
            RemoteProtocolError: there is none in time, or the caller hung up.
            LegLost: no port is free.
        """
        self._transport = await self._open()
        port = self._transport.get_extra_info("sockname")[1]
        try:
            async with asyncio.timeout(timeout_s):
                started, peer = await self._control.connect((self._host, port))
        except TimeoutError:
            raise RemoteProtocolError(f"the call was not set up within {timeout_s:g} s") from None
        now_ms, kind = self._clock() * 1000, self._control.payload_type
        self._receiver = Receiver(started.format, kind, now_ms)
        chance = secrets.randbits
        self._sender = Sender(started.format, kind, ssrc=chance(32), sequence=chance(16), timestamp=chance(32))
        self._pace = Pacer(started.format, now_ms)
        self._peer = peer
        self._started.set()
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self._events.get()
            if isinstance(event, RemoteProtocolError | LegLost):
                raise event
            yield event
            if isinstance(event, CallEnded):
                return

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Do nothing: a peer with nothing to play sends nothing, and its end is told otherwise."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            RuntimeError: a transfer or keys, and why not.
        """
        match command:
            case Play(payload):
                self._pace.play(payload)
            case Mark(name):
                self._pace.mark(name)
            case Clear():
                self._tell(*map(Played, self._pace.clear()))
            case Hangup() | Transfer() | SendDtmf() if not self._over:
                await self._control.carry_out(command)

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """Hang up, unless the other side has; neither RTP nor ARI has words for it."""
        self._over = True
        self.drop()
        await self._control.close()

    def drop(self) -> None:
        """Give the port back."""
        if self._transport:
            self._transport.close()

    async def pump(self) -> None:
        """Send what is due, and keep the time of a caller who sends nothing, until cancelled."""
        await self._started.wait()
        while self._transport and not self._transport.is_closing():
            now_ms = self._clock() * 1000
            frames, played = self._pace.due(now_ms)
            for frame in frames:
                self._transport.sendto(self._sender.packet(frame), self._peer)
            self._tell(*map(Played, played), *self._receiver.take(now_ms))
            await asyncio.sleep(self._pace.next_ms / 1000 - self._clock())  # below 0: at once

    async def _open(self) -> asyncio.DatagramTransport:
        """Return a socket on an even port, as RTP has it: the odd ones are for RTCP, which we do not do.

        Raises:
            LegLost: none is to be had.
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
