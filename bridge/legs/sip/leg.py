"""The caller's side of a SIP call: what the SIP process tells of it, and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from bridge.leg import HangupCause, LegLost
from bridge.legs.base import PassiveLeg, Silence, first, until_end
from bridge.legs.inbox import Inbox
from bridge.timeouts import timeout
from telephony.events import CallStarted, Command, Event, Hangup, SendInfo
from telephony.sip import SipProtocol
from telephony.sip_frames import Kind, fields, split

_MOST: Final = 3000
"""Frames that may wait for the call: a minute of audio."""
_END_S: Final = 2.0
"""What `close` waits for the other side to agree."""
_INFO_S: Final = 10.0
"""What `send` waits for the answer to an INFO."""
_ENDED: Final = "the call ended before it was answered"


class SipLeg(PassiveLeg):
    """One call over the SIP process."""

    def __init__(
        self,
        protocol: SipProtocol,
        *,
        post: Callable[[bytes], None],
        room: Callable[[], Awaitable[None]],
        idle_s: float,
    ) -> None:
        """`post` sends a frame to the process; `room` waits until the process takes more.

        `idle_s`: the process counts as stuck when nothing of this call has come from it for so long.
        """
        self.capabilities = protocol.capabilities
        self._protocol, self._post, self._room = protocol, post, room
        self._silence = Silence(idle_s, "no audio from the SIP process")
        self._inbox = Inbox[bytes](_MOST)
        self._early: Sequence[Event] = ()
        self._over = asyncio.Event()
        """Set once the call has ended: then there is nothing to hang up."""
        self._informing = asyncio.Lock()
        self._informed: asyncio.Future[str] | None = None  # done with why the INFO under way was refused, "" if not

    # ------------------------------------------------------------ the process's side

    def feed(self, frame: bytes) -> None:
        """Take a frame of this call."""
        self._silence.broken()
        kind, _, body = split(frame)
        if kind is Kind.INFO_ANSWERED:
            self._answer(str(fields(body).get("reason", "")))
        else:
            self._inbox.put(frame)

    def ended(self, frame: bytes) -> None:
        """Take its last frame."""
        self._over.set()
        self._answer(_ENDED)
        self._inbox.put_always(frame)

    def lose(self, why: str) -> None:
        """End the call: the process is gone, and `why`."""
        self._over.set()
        self._answer(_ENDED)
        self._inbox.put_always(LegLost(why))

    # ------------------------------------------------------------ the bridge's side

    async def start(self, timeout_s: float) -> CallStarted:
        """Answer, or ring, and wait until there is audio.

        Raises:
            RemoteProtocolError: there is none in time, or the other side hangs up.
            LegLost: the SIP process dies.
        """
        self._send(self._protocol.open())
        started, self._early = await first(self._receive, timeout_s=timeout_s, missing="no audio")
        return started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end(self._early, self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """End the call with LegLost once the process has said nothing for `idle_s`; return what ends the watch."""
        return self._silence.watch(lambda why: self._inbox.put_always(LegLost(why)))

    async def send(self, command: Command, /) -> None:
        """See Leg.

        Raises:
            OSError: the other side has not taken an INFO; the text says why.
        """
        if self._over.is_set():
            return
        if isinstance(command, SendInfo):
            await self._inform(command)
            return
        self._send(self._protocol.send(command))
        await self._room()

    async def _inform(self, info: SendInfo) -> None:
        async with self._informing:
            self._informed = asyncio.get_running_loop().create_future()
            self._send(self._protocol.send(info))
            try:
                async with timeout(_INFO_S):
                    refused = await self._informed
            except TimeoutError:
                refused = f"no answer within {_INFO_S:g} s"
            if refused:
                raise OSError(f"the INFO was not taken: {refused}")

    def _answer(self, refused: str) -> None:
        if self._informed and not self._informed.done():
            self._informed.set_result(refused)

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up, unless the other side has. The stack chooses BYE, CANCEL or 486, which have no room for `cause`."""
        await self._end(self._protocol.send(Hangup(reason)))

    async def refuse(self, reason: str) -> None:
        """Tell a caller whose call has not begun that there is no line: 503."""
        await self._end(self._protocol.refuse(reason))

    async def _end(self, frames: Sequence[str | bytes]) -> None:
        if self._over.is_set():
            return
        self._send(frames)
        try:
            async with asyncio.timeout(_END_S):
                await self._over.wait()
        except TimeoutError:
            pass  # the process knows, and goes on trying for as long as SIP says

    def _send(self, frames: Sequence[str | bytes]) -> None:
        for frame in frames:
            self._post(frame if isinstance(frame, bytes) else frame.encode())

    async def _receive(self) -> Sequence[Event]:
        return self._protocol.receive(await self._inbox.get())
