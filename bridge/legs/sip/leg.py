"""The caller's side of a SIP call: what the SIP process tells of it, and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from aiohttp import WSCloseCode

from bridge.leg import LegLost
from bridge.legs.base import Silence, first, until_end
from telephony.events import CallStarted, Command, Event, Hangup
from telephony.sip import SipProtocol

_MOST: Final = 3000
"""Frames that may wait for a call that does not keep up: a minute of audio."""
_END_S: Final = 2.0


class SipLeg:
    """One call over the SIP process. `post` takes frames for it, `room` waits until it takes more."""

    def __init__(
        self,
        protocol: SipProtocol,
        *,
        post: Callable[[bytes], None],
        room: Callable[[], Awaitable[None]],
        idle_s: float,
    ) -> None:
        """`idle_s`: the process is taken for stuck when the call has had nothing from it for so long."""
        self.capabilities = protocol.capabilities
        self._protocol, self._post, self._room = protocol, post, room
        self._silence = Silence(idle_s, "no audio from the SIP process")
        self._events: asyncio.Queue[bytes | LegLost] = asyncio.Queue()
        self._early: Sequence[Event] = ()
        self._over = asyncio.Event()
        """Set once the call is no more: it needs no hanging up."""

    # ------------------------------------------------------------ the process's side

    def feed(self, frame: bytes) -> None:
        """Take a frame of this call."""
        self._silence.broken()
        if self._events.qsize() == _MOST:
            self._events.put_nowait(LegLost("the bridge did not keep up with the call's audio"))
        elif self._events.qsize() < _MOST:
            self._events.put_nowait(frame)

    def ended(self, frame: bytes) -> None:
        """Take its last frame."""
        self._over.set()
        self._events.put_nowait(frame)

    def lose(self, why: str) -> None:
        """The process is gone, and the call with it."""
        self._over.set()
        self._events.put_nowait(LegLost(why))

    # ------------------------------------------------------------ the bridge's side

    async def start(self, timeout_s: float) -> CallStarted:
        """Answer, or ring, and wait until there is audio.

        Raises:
            RemoteProtocolError: there was none in time, or it was hung up.
            LegLost: the SIP process died.
        """
        self._send(self._protocol.open())
        started, self._early = await first(self._receive, timeout_s=timeout_s, missing="no audio")
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end(self._early, self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """Call `gone` with the reason once the process has said nothing for `idle_s`; return what ends the watch."""
        return self._silence.watch(gone)

    async def send(self, command: Command, /) -> None:
        if self._over.is_set():
            return
        self._send(self._protocol.send(command))
        await self._room()

    async def close(self, reason: str, *, code: int = WSCloseCode.OK) -> None:
        """Hang up, unless the other side has; SIP has no room for the code."""
        if self._over.is_set():
            return
        self._send(self._protocol.send(Hangup(reason)))
        try:
            async with asyncio.timeout(_END_S):
                await self._over.wait()
        except TimeoutError:
            pass  # the process knows, and goes on trying for as long as SIP says

    def _send(self, frames: Sequence[str | bytes]) -> None:
        for frame in frames:
            self._post(frame if isinstance(frame, bytes) else frame.encode())

    async def _receive(self) -> Sequence[Event]:
        found = await self._events.get()
        if isinstance(found, LegLost):
            raise found
        return self._protocol.receive(found)
