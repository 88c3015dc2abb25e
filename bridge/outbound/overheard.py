"""What is said while a caller is put through, transcribed for the call log: each side as a call without a voice.

The bot hears none of it. Nobody waits for a transcript: those of the last words come when the two speak no more.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Self

from bot import api
from bridge.leg import HangupCause, LegLost
from bridge.legs.base import PassiveLeg, until_end
from bridge.legs.inbox import Inbox
from bridge.observer import CallObserver, TransferSide
from telephony.events import AudioFormat, CallEnded, CallStarted, Capabilities, Command, Event, Media

log = logging.getLogger(__name__)

_MOST_WAITING: Final = 3000
"""Pieces of audio that may wait to be heard: a minute of 20 ms each. Beyond that the side is transcribed no more."""


class OverheardLeg(PassiveLeg):
    """One side, as a leg that only hears."""

    capabilities = Capabilities(steady=True)

    def __init__(self, started: CallStarted) -> None:
        self.started = started
        self._inbox = Inbox[Event](_MOST_WAITING)
        self._over = False

    def hear(self, payload: bytes) -> None:
        """Take audio of this side. Never waits."""
        if not self._over:
            self._inbox.put(Media(payload, 0))

    def end(self) -> None:
        """Hear no more; what was said gets its transcript."""
        if not self._over:
            self._over = True
            self._inbox.put_always(CallEnded("the two speak no more"))

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        return self.started

    def __aiter__(self) -> AsyncIterator[Event]:
        return until_end((), self._receive)

    def watch(self, gone: Callable[[str], None]) -> Callable[[], None]:
        """See OpeningLeg. Who is put on hold may be silent for as long as they want."""
        return lambda: None

    async def send(self, command: Command, /) -> None:
        """Nobody is told anything: what was said reaches the observer of the call."""

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """See OpeningLeg."""
        self._over = True

    async def _receive(self) -> Sequence[Event]:
        return (await self._inbox.get(),)


Transcribe = Callable[[OverheardLeg, CallObserver], Awaitable[object]]
"""Transcribes a side to its end, and tells the observer what was said."""


class Overhearing:
    """The sides of one call that are transcribed. What is under way is waited for at the end of the `async with`."""

    def __init__(self, transcribe: Transcribe | None, observer: CallObserver) -> None:
        """`transcribe`: None where nothing of the kind is wanted. `observer`: of the call."""
        self._transcribe, self._observer = transcribe, observer
        self._legs: list[OverheardLeg] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def wanted(self) -> bool:
        """Whether anything is transcribed: it needs the audio."""
        return self._transcribe is not None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for leg in self._legs:
            leg.end()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()

    def begin(self, side: TransferSide, audio: AudioFormat, at_ms: int) -> OverheardLeg:
        """Return a leg that is to hear `side` from now on, which is `at_ms` of the call's media time."""
        leg = OverheardLeg(CallStarted(side, audio))
        if self._transcribe is None:
            leg.end()
            return leg
        self._legs.append(leg)
        task = asyncio.create_task(self._run(self._transcribe, leg, _Told(self._observer, side, at_ms)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return leg

    async def _run(self, transcribe: Transcribe, leg: OverheardLeg, observer: CallObserver) -> None:
        try:
            await transcribe(leg, observer)
        except LegLost as lost:
            log.warning("what is said on a transfer is transcribed no more: %s", lost)
        except Exception:  # a fault of ours, or of an engine: the two go on with their conversation
            log.exception("what is said on a transfer is not transcribed")
        finally:
            leg.end()
            self._legs.remove(leg)


class _Told(CallObserver):
    """Tells the observer of the call what was said on one side."""

    def __init__(self, observer: CallObserver, side: TransferSide, at_ms: int) -> None:
        self._observer, self._side, self._at_ms = observer, side, at_ms

    def said(self, final: api.Final) -> None:
        began_ms, ended_ms = final.began_ms + self._at_ms, final.ended_ms + self._at_ms
        self._observer.overheard(self._side, replace(final, began_ms=began_ms, ended_ms=ended_ms, words=()))

    def fault(self, what: str) -> None:
        self._observer.fault(what)
