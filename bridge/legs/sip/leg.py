"""The caller's side of a SIP call: what the SIP process tells of it, and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from bridge.leg import HangupCause, LegLost
from bridge.legs.base import PassiveLeg, Silence, first, until_end
from bridge.legs.inbox import Inbox
from bridge.timeouts import timeout
from telephony.events import CallStarted, Command, Event, Hangup, Join, SendInfo
from telephony.sip import SipProtocol
from telephony.sip_frames import Kind, fields, split

_MOST: Final = 3000
"""Frames that may wait for the call: a minute of audio."""
_END_S: Final = 2.0
"""What `close` waits for the other side to agree."""
_INFO_S: Final = 10.0
"""What `send` waits for the answer to an INFO."""
_JOIN_S: Final = 25.0
"""What it waits until two calls are put together, or are not: more than the process does."""
_ANSWERS: Final = (Kind.INFO_ANSWERED, Kind.JOINED)
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
        self._asking = {kind: asyncio.Lock() for kind in _ANSWERS}
        self._asked: dict[Kind, asyncio.Future[str]] = {}  # done with why what is under way was refused, "" if not

    # ------------------------------------------------------------ the process's side

    def feed(self, frame: bytes) -> None:
        """Take a frame of this call."""
        self._silence.broken()
        kind, _, body = split(frame)
        if kind in _ANSWERS:
            self._answer(kind, str(fields(body).get("reason", "")))
        else:
            self._inbox.put(frame)

    def ended(self, frame: bytes) -> None:
        """Take its last frame."""
        self._over.set()
        self._answer_all()
        self._inbox.put_always(frame)

    def lose(self, why: str) -> None:
        """End the call: the process is gone, and `why`."""
        self._over.set()
        self._answer_all()
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
            RuntimeError: it was not put together with another call, and why.
        """
        match command:
            case Join() if self._over.is_set():
                raise RuntimeError("the call has ended")
            case _ if self._over.is_set():
                pass
            case SendInfo():
                if refused := await self._ask(command, Kind.INFO_ANSWERED, _INFO_S):
                    raise OSError(f"the INFO was not taken: {refused}")
            case Join():
                if refused := await self._ask(command, Kind.JOINED, _JOIN_S):
                    raise RuntimeError(refused)
            case _:
                self._send(self._protocol.send(command))
                await self._room()

    async def _ask(self, command: Command, answer: Kind, limit_s: float) -> str:
        """Return why it was refused, "" where it was done."""
        async with self._asking[answer]:
            asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            self._asked[answer] = asked
            self._send(self._protocol.send(command))
            try:
                async with timeout(limit_s):
                    return await asked
            except TimeoutError:
                return f"no answer within {limit_s:g} s"

    def _answer(self, kind: Kind, refused: str) -> None:
        if (asked := self._asked.pop(kind, None)) and not asked.done():
            asked.set_result(refused)

    def _answer_all(self) -> None:
        for kind in _ANSWERS:
            self._answer(kind, _ENDED)

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
