"""One call from start to end, on one page.

    leg -Media-> ear -windows-> turns -Began/Paused/Over-> utterance -> transcripts -Final-> bot -text-> mouth -> leg

`_listen` is the receive loop: it hears, decides who holds the floor, and waits for no model and no slow peer.
Each utterance has one task (`_turn`) that transcribes it, hands its final on and gives the floor to the bot. The reply
is a task of its own (conversation.py), so that no transcript is ever lost to a barge-in.
"""

import asyncio
import logging
import time
from typing import Final as Constant

from bot.api import Final, Partial
from bridge.conversation import Conversation
from bridge.leg import Leg
from bridge.metrics import CallMetrics
from bridge.preroll import PreRoll
from bridge.speech.api import Asr, SpeechError
from bridge.speech.ear import Ear, Heard
from bridge.transcribe import transcripts
from bridge.turns import Began, Over, Paused, Resumed, TurnEvent, TurnTaker
from bridge.utterance import Utterance
from telephony.errors import RemoteProtocolError
from telephony.events import (
    CallEnded,
    Dtmf,
    Event,
    Finalize,
    Malformed,
    Media,
    Played,
    Problem,
    RecognitionOptions,
    Transcript,
)

log = logging.getLogger(__name__)

_MAX_TURNS: Constant = 8  # utterances without their final; past that the socket's back-pressure slows the peer


class CallSession:
    """A call. All that belongs to it is here or in what it was given; only the models are shared."""

    def __init__(
        self,
        leg: Leg,
        *,
        ear: Ear,
        turns: TurnTaker,
        preroll: PreRoll,
        asr: Asr,
        options: RecognitionOptions,
        metrics: CallMetrics,
        drain_s: float,
        conversation: Conversation | None = None,
    ) -> None:
        """`drain_s`: pending finals must be there so long after the call ended.

        `conversation`: the bot, on calls that have one; the others are only transcribed.
        """
        self._leg, self._ear, self._turns, self._preroll = leg, ear, turns, preroll
        self._asr, self._options, self._metrics, self._drain_s = asr, options, metrics, drain_s
        self._conversation = conversation
        self._utterance: Utterance | None = None  # the one being spoken
        self._newest: Utterance | None = None  # the one being spoken or spoken last
        self._turns_open: set[asyncio.Task[None]] = set()  # utterances whose final is not told yet
        self._finals = asyncio.Lock()  # transcripts leave in the order they were spoken
        self._listener: asyncio.Task[str] | None = None
        self._stopped = ""  # why we ended the call, when we did

    # ------------------------------------------------------------ the call

    async def run(self) -> str:
        """Carry the call from start to end; return why it ended.

        Raises:
            RemoteProtocolError: the peer broke its protocol beyond repair.
            Exception: a fault of ours or of the VAD; it ends this call and no other.
        """
        reason = "internal error"
        try:
            reason = await self._carry()
        except RemoteProtocolError as error:
            reason = f"protocol error: {error}"
            raise
        finally:
            if self._conversation:
                await self._conversation.end(reason)
        return reason

    def stop(self, reason: str) -> None:
        """End the call from our side: what was said so far still gets its final."""
        self._stopped = self._stopped or reason
        if self._listener:
            self._listener.cancel()

    async def _carry(self) -> str:
        self._listener = listener = asyncio.create_task(self._listen())
        deadline = asyncio.timeout(None)
        try:
            async with deadline, asyncio.TaskGroup() as self._tasks:
                try:
                    if self._conversation:
                        self._conversation.begin(self._tasks)
                    await asyncio.wait({listener})
                finally:
                    listener.cancel()
                self._close_floor()
                if self._conversation:
                    self._conversation.hush()
                deadline.reschedule(asyncio.get_running_loop().time() + self._drain_s)
        except TimeoutError:
            log.error("the call's last tasks were not done %g s after its end", self._drain_s)
        return self._stopped if listener.cancelled() else listener.result()

    async def _listen(self) -> str:
        try:
            async for event in self._leg:
                match event:
                    case Media():
                        self._metrics.media(event)
                        for heard in await self._ear.hear(event):
                            await self._hear(heard)
                    case CallEnded(reason):
                        return reason
                    case _:
                        self._obey(event)
        except RemoteProtocolError as error:
            await self._leg.send(Problem(str(error)))
            raise
        return "the wire ended"

    def _obey(self, event: Event) -> None:
        match event:
            case Played(mark) if self._conversation:
                self._conversation.played(mark)
            case Dtmf(digit) if self._conversation:
                self._conversation.press(digit)
            case Finalize():
                self._finalize()
            case Malformed(message):
                self._metrics.malformed.inc()
                log.warning("malformed message: %s", message)
                self._tasks.create_task(self._leg.send(Problem(message)))

    # ------------------------------------------------------------ who holds the floor

    async def _hear(self, heard: Heard) -> None:
        if self._utterance:
            self._utterance.add(heard.samples)
        else:
            self._preroll.add(heard)
        if event := self._turns.hear(heard.probability, from_ms=heard.from_ms, to_ms=heard.to_ms):
            self._follow(event)
            if len(self._turns_open) > _MAX_TURNS:
                await asyncio.wait(self._turns_open, return_when=asyncio.FIRST_COMPLETED)

    def _follow(self, event: TurnEvent) -> None:
        match event:
            case Began(onset_ms):
                self._utterance = Utterance(onset_ms)
                self._utterance.add(self._preroll.take(onset_ms))
                self._open_turn(self._utterance)
                if self._conversation:
                    self._conversation.interrupt()
            case Paused() if self._utterance:
                self._utterance.pause()
            case Resumed() if self._utterance:
                self._utterance.resume()
            case Over(_, speech_end_ms) if self._utterance:
                self._metrics.speech_ended(ago_ms=self._ear.now_ms - speech_end_ms)
                self._utterance.close(speech_end_ms)
                self._utterance = None

    def _open_turn(self, utterance: Utterance) -> None:
        self._newest = utterance
        task = self._tasks.create_task(self._turn(utterance))
        self._turns_open.add(task)
        task.add_done_callback(self._turns_open.discard)

    def _close_floor(self) -> None:
        """The caller is done, whatever the VAD thinks of it."""
        for event in self._turns.flush(self._ear.now_ms):
            if self._utterance and isinstance(event, Over):
                self._utterance.add(self._ear.rest())
            self._follow(event)

    def _finalize(self) -> None:
        """Give the final of what is pending, an empty one when nothing is."""
        self._close_floor()
        if self._newest is None or self._newest.told:
            self._open_turn(nothing := Utterance(self._ear.now_ms))
            nothing.close(self._ear.now_ms)
        if self._newest:
            self._newest.owed = True

    # ------------------------------------------------------------ one caller turn

    async def _turn(self, utterance: Utterance) -> None:
        """Transcribe one utterance, hand its final on, and have it answered if the caller said no more."""
        try:
            async with self._finals:
                final = await self._transcribe(utterance)
                utterance.told = True
                if not final.text:
                    self._metrics.nothing_said()
                if final.text or utterance.owed:
                    await self._tell(final)
        finally:
            if not utterance.told:
                log.error("final lost: utterance at %d ms", utterance.began_ms)
                self._metrics.finals_lost.inc()
        if self._conversation and self._newest is utterance and self._listener and not self._listener.done():
            self._conversation.take_the_floor()

    async def _transcribe(self, utterance: Utterance) -> Final:
        try:
            async for transcript in transcripts(utterance, self._asr, self._options):
                if isinstance(transcript, Final):
                    return transcript
                await self._show(transcript)
        except SpeechError as error:
            log.error("final lost: %s", error)
            self._metrics.finals_lost.inc()
            await self._leg.send(Problem(f"the recogniser failed: {error}"))
            if self._conversation:
                self._conversation.fall_back()
        return Final("", "", utterance.began_ms, utterance.ended_ms)

    async def _show(self, partial: Partial) -> None:
        self._metrics.partials.inc()
        if self._options.partials and self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(partial.text, partial.language, False, time.time()))
        if self._conversation:
            self._conversation.show(partial)

    async def _tell(self, final: Final) -> None:
        """Hand a final to whoever wants it: the only place, so that each arrives once."""
        self._metrics.finals.inc()
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: %r", final.text)
        if self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(final.text, final.language, True, time.time()))
        if self._conversation and final.text:
            await self._conversation.tell(final)
