"""The call to somebody who is asked whether they take a caller, and who is connected with them if they do.

    rings -> hears what it is about -> takes it, by a key or by listening to the end -> both hear each other -> hangs up

It is a call as any other: it has its line, its limits and its end in the books. Nobody is connected before they agreed,
and the caller's side never waits for theirs: what cannot be sent in time is dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from bot.api import Tts
from bridge.containment import cancelled
from bridge.leg import Leg, OpeningLeg
from bridge.metrics import CallMetrics
from bridge.outbound.overheard import OverheardLeg
from bridge.outbound.relayed_audio import RelayedAudio
from bridge.speaking.speech_output import SpeechOutput, once
from bridge.speaking.voices.voices import Voices
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Dtmf,
    Malformed,
    Media,
    Notice,
    Play,
    Played,
    SendDtmf,
    WarmTransfer,
)

log = logging.getLogger(__name__)

ACCEPT_S: Final = 15.0
"""So long after they heard what it is about they may take to press the key."""
_MOST_WAITING: Final = 50
"""Pieces of the caller's audio that may wait for their leg: a second of it."""


class Consultation:
    """One such call, from the side of the caller who waits for it."""

    def __init__(
        self,
        transfer: WarmTransfer,
        caller: Leg,
        audio: AudioFormat,
        *,
        tts: Tts | Voices,
        accept_s: float = ACCEPT_S,
        announcement: str = "",
        overhear: Callable[[AudioFormat], OverheardLeg],
    ) -> None:
        """`caller`: the leg of the caller, whose audio is `audio` both ways.

        `announcement`: what they hear before all else, and cannot skip, as they are recorded then. `overhear`: returns
        what hears them, too, once they are connected; it is given their format.
        """
        self._announcement, self._overhear = announcement, overhear
        self._transfer, self._caller, self._audio, self._tts, self._accept_s = transfer, caller, audio, tts, accept_s
        self._leg: OpeningLeg | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # of their call
        loop = asyncio.get_running_loop()
        self._clock_s = loop.time
        self._answer: asyncio.Future[None] = loop.create_future()  # done when they take the caller, or do not
        self._over: asyncio.Future[str] = loop.create_future()  # done when their call is to end, with the reason
        self._to_them: asyncio.Queue[Play | SendDtmf] = asyncio.Queue(_MOST_WAITING)
        self._relayed: list[RelayedAudio] = []  # both directions
        self._ended = asyncio.Event()
        self._key_pressed = asyncio.Event()

    # ------------------------------------------------------------ the caller's side

    joined = False
    """True while the wire has put the two together: they hear each other without us, keys included."""

    @property
    def leg(self) -> Leg | None:
        """Their leg; None until they answered."""
        return self._leg

    @property
    def connected(self) -> bool:
        """True once the two hear each other."""
        return self._answer.done() and not self._answer.cancelled() and self._answer.exception() is None

    async def taken(self) -> None:
        """Return when they have taken the caller.

        Raises:
            OSError: they have not, and why.
        """
        await asyncio.shield(self._answer)

    async def hung_up(self) -> None:
        """Return when their call has ended."""
        await self._ended.wait()

    def hear(self, payload: bytes) -> None:
        """Take the caller's audio."""
        self._tell_them(Play(payload))

    def press(self, digit: str) -> None:
        """Take the caller's key, for a menu at the other end."""
        self._tell_them(SendDtmf(digit))

    def _tell_them(self, command: Play | SendDtmf) -> None:
        if self.connected and not self.joined:
            if self._to_them.full():
                self._to_them.get_nowait()  # the oldest is of the least use
            self._to_them.put_nowait(command)

    def leave(self, reason: str) -> None:
        """End their call: the caller is gone, or is the bot's again."""
        self._settle(OSError(reason))
        if not self._over.done():
            self._over.set_result(reason)

    def ended(self, reason: str) -> None:
        """Note that their call is over, or has never begun, and why."""
        self._settle(OSError(f"{self._transfer.target} does not take the caller: {reason}"))
        self._ended.set()

    # ------------------------------------------------------------ their side

    async def carry(self, leg: OpeningLeg, started: CallStarted, metrics: CallMetrics) -> str:
        """Carry their call, which was answered, to its end; return why it ended.

        Raises:
            RemoteProtocolError, LegLost: as from a leg.
            whatever the voice raises.
        """
        if self._over.done():
            return self._over.result()
        self._leg = leg
        output = SpeechOutput(
            leg,
            self._tts,
            started.format,
            clock_ms=lambda: int(self._clock_s() * 1000),
            on_audio=metrics.audio_sent,
            on_unread=metrics.texts_unread.inc,
            start=self._begin,
            language=Voices.of(self._tts).language,
        )
        listening = asyncio.create_task(self._listen(leg, started, output, metrics))
        for work in (self._ask(leg, output), self._talk(leg, started)):
            self._tasks.add(asyncio.create_task(work))
        unwatch = leg.watch(self.leave)
        try:
            return await self._first_end(listening)
        finally:
            unwatch()
            if dropped_ms := sum(relayed.dropped_ms for relayed in self._relayed):
                log.warning("%d ms of what the two said came too late, and were left out", dropped_ms)
            await cancelled(listening, *self._tasks)

    async def _first_end(self, listening: asyncio.Task[str]) -> str:
        """Return why their call ends: they hung up, or it is over for us; raise what broke it."""
        while True:
            ends: set[asyncio.Future[Any]] = {listening, self._over, *self._tasks}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in self._tasks if task.done()]:
                self._tasks.discard(task)
                if not task.cancelled():
                    task.result()
            if self._over.done():
                return self._over.result()
            if listening.done():
                return listening.result()

    async def _ask(self, leg: OpeningLeg, output: SpeechOutput) -> None:
        """Tell them what it is about, and find out whether they take it."""
        key = self._transfer.accept
        if self._announcement:
            await self._tell(output, self._announcement)
        telling = asyncio.create_task(self._tell(output, self._transfer.consult))
        pressed = asyncio.create_task(self._key_pressed.wait())
        either: set[asyncio.Future[Any]] = {telling, pressed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            if key and not pressed.done():
                await asyncio.wait({pressed}, timeout=self._accept_s)
        finally:
            await cancelled(telling, pressed)
        if key and not self._key_pressed.is_set():
            self._refuse(f"did not press {key} within {self._accept_s:g} s")
            return
        if output.interrupt()[1]:
            await leg.send(Clear())
        log.info("%s takes the caller", self._transfer.target)
        self._settle(None)

    async def _tell(self, output: SpeechOutput, text: str) -> None:
        await output.say(once(text))
        await output.wait_for_playout()

    async def _talk(self, leg: OpeningLeg, started: CallStarted) -> None:
        """Say to them what the caller says."""
        self._relayed += [relayed := RelayedAudio(self._audio, started.format)]
        while True:
            match await self._to_them.get():
                case Play(payload):
                    if audio := relayed.take(payload, self._clock_s() * 1000):
                        await leg.send(Play(audio))
                case SendDtmf() as keys if leg.capabilities.dtmf_out:
                    await leg.send(keys)

    async def _listen(self, leg: OpeningLeg, started: CallStarted, output: SpeechOutput, metrics: CallMetrics) -> str:
        self._relayed += [relayed := RelayedAudio(started.format, self._audio)]
        overheard: OverheardLeg | None = None
        async for event in leg:
            match event:
                case Media(payload):
                    metrics.media(event)
                    if not self.connected or self.joined:
                        continue
                    overheard = overheard or self._overhear(started.format)
                    overheard.hear(payload)
                    if audio := relayed.take(payload, self._clock_s() * 1000):
                        await self._caller.send(Play(audio))
                case Dtmf(digit):
                    await self._pressed(digit)
                case Played(mark):
                    output.played(mark)
                case CallEnded(reason):
                    return reason
                case Malformed(message):
                    metrics.malformed.inc()
                    log.warning("malformed message of %s: %s", self._transfer.target, message)
                case Notice(message):
                    log.warning("%s", message)
        return "the wire ended"

    async def _pressed(self, digit: str) -> None:
        if self.connected:
            if self._caller.capabilities.dtmf_out and not self.joined:
                await self._caller.send(SendDtmf(digit))
        elif digit == self._transfer.accept:
            self._key_pressed.set()
        elif self._transfer.accept:
            self._refuse(f"pressed {digit}, not {self._transfer.accept}")

    def _refuse(self, what: str) -> None:
        self._settle(OSError(f"{self._transfer.target} {what}"))
        self.leave("they do not take the caller")

    def _settle(self, refused: OSError | None) -> None:
        if self._answer.done():
            return
        if refused is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(refused)
            self._answer.exception()  # nobody may wait for it any more, which is no fault

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        return task
