"""One call from start to end, on one page.

    leg -Media-> ear -windows-> turns -Began/Cut/Over-> utterance -> transcripts -Final-> bot -text-> mouth -> leg

`_listen` is the receive loop: it hears, decides who holds the floor, and waits for no model and no slow peer.
Each utterance has one task (`_turn`) that transcribes it, hands its final on and gives the floor to the bot. The reply
is a task of its own (conversation.py), so that no transcript is ever lost to a barge-in. With every engine gone the
turns wait, with their audio and in order (asr_outage.py).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from bot.api import Final
from bridge.call.asr_outage import AsrOutage
from bridge.call.conversation import Conversation
from bridge.call.preroll import PreRoll
from bridge.call.transcribe import transcribe
from bridge.call.transcript_delivery import TranscriptDelivery
from bridge.call.turn_detector import TurnDetector
from bridge.call.utterance import Utterance
from bridge.leg import Leg, LegLost
from bridge.metrics import CallMetrics
from bridge.speech.api import Recogniser, SpeechError
from bridge.speech.ear import Ear, ScoredWindow
from bridge.turns.turn_taker import Began, Cut, Over, Paused, Resumed, TurnEvent, TurnTaker
from telephony.errors import RemoteProtocolError
from telephony.events import (
    CallEnded,
    Dtmf,
    Event,
    Finalize,
    Malformed,
    Media,
    NotTransferred,
    Played,
    Problem,
    RecognitionOptions,
)

log = logging.getLogger(__name__)

_MAX_TURNS = 8
"""Utterances without their final. Past that the socket's back-pressure slows the peer, or, where no engine is there to
wait for, the oldest is given up."""


class CallSession:
    """A call. All that belongs to it is here or in what it was given; only the models are shared."""

    def __init__(
        self,
        leg: Leg,
        *,
        ear: Ear,
        turns: TurnTaker,
        preroll: PreRoll,
        asr: Recogniser,
        options: RecognitionOptions,
        metrics: CallMetrics,
        drain_s: float,
        outage_s: float,
        new_key: Callable[[], str] = lambda: uuid4().hex,
        conversation: Conversation | None = None,
        judge: TurnDetector | None = None,
    ) -> None:
        """`drain_s`: pending finals must be there so long after the call ended; `outage_s`: a final waits so long for
        an engine to come back; `new_key` names an utterance to the engines.

        `conversation`: the bot, on calls that have one; the others are only transcribed. `judge`: of the ends of the
        caller's turns, where they do not close after a flat wait.
        """
        self._leg, self._ear, self._turns, self._preroll = leg, ear, turns, preroll
        self._asr, self._options, self._metrics, self._drain_s = asr, options, metrics, drain_s
        self._outage, self._new_key = AsrOutage(asr, longest_s=outage_s), new_key
        self._conversation, self._judge = conversation, judge
        self._audience = TranscriptDelivery(leg, conversation, metrics, partials=options.partials)
        if conversation:
            conversation.course.end_call = self.stop
            conversation.course.set_language = self._expect_language
        if judge and conversation:
            judge.on_judged = conversation.prepare
        self._utterance: Utterance | None = None  # the one being spoken
        self._newest: Utterance | None = None  # the one being spoken or spoken last
        self._turns_open: dict[asyncio.Task[None], Utterance] = {}
        self._finals = asyncio.Lock()  # transcripts leave in the order they were spoken
        self._listener: asyncio.Task[str] | None = None
        self._stopped = ""  # why we ended the call, when we did

    # ------------------------------------------------------------ the call

    async def run(self) -> str:
        """Carry the call from start to end; return why it ended.

        Raises:
            RemoteProtocolError: the peer broke its protocol beyond repair.
            LegLost: what carries it broke on our side.
            Exception: a fault of ours or of the VAD; it ends this call and no other.
        """
        reason = "internal error"
        try:
            reason = await self._carry()
        except RemoteProtocolError as error:
            reason = f"protocol error: {error}"
            raise
        except LegLost as error:
            reason = str(error)
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

    def finish(self, reason: str) -> None:
        """End the call from our side with the bot's goodbye, where there is a bot."""
        if self._conversation and self._listener and not self._listener.done():
            self._conversation.part(reason)
        else:
            self.stop(reason)

    def _expect_language(self, language: str) -> None:
        self._options = replace(self._options, language=language or None)

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
                    self._conversation.close()
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
            case NotTransferred(reason) if self._conversation:
                self._conversation.course.not_transferred(reason)
            case Finalize():
                self._finalize()
            case Malformed(message):
                self._metrics.malformed.inc()
                log.warning("malformed message: %s", message)
                self._tasks.create_task(self._leg.send(Problem(message)))

    # ------------------------------------------------------------ who holds the floor

    async def _hear(self, heard: ScoredWindow) -> None:
        event = self._turns.hear(heard.probability, from_ms=heard.from_ms, to_ms=heard.to_ms)
        if self._utterance:
            self._utterance.add(heard.samples, speech_ms=self._turns.speech * (heard.to_ms - heard.from_ms))
        else:
            self._preroll.add(heard)
        if event:
            self._follow(event)
        if self._conversation:
            self._conversation.hear(heard, speech=self._turns.speech)
        if event:
            while self._crowded:
                self._outage.give_up()
                await asyncio.wait(self._turns_open, return_when=asyncio.FIRST_COMPLETED)

    def _follow(self, event: TurnEvent) -> None:
        match event:
            case Began(onset_ms, speech_ms):
                before = self._newest
                self._open_turn(onset_ms).add(self._preroll.take(onset_ms), speech_ms=speech_ms)
                self._attend(onset_ms, settled=before is None or before.told)
            case Paused() if self._utterance:
                self._utterance.pause()
                if self._judge:
                    self._judge.asked(self._utterance.key)
            case Resumed() if self._utterance:
                self._utterance.resume()
                if self._judge:
                    self._judge.withdrawn(self._utterance.key)
            case Cut(at_ms) if self._utterance:
                self._utterance.close(at_ms)
                self._open_turn(at_ms)
            case Over(at_ms, speech_end_ms) if self._utterance:
                log.debug("turn closed after %d ms of silence", at_ms - speech_end_ms)
                self._metrics.speech_ended(ago_ms=self._ear.now_ms - speech_end_ms)
                self._utterance.close(speech_end_ms)
                self._utterance = None
                self._excuse()

    def _attend(self, onset_ms: int, *, settled: bool) -> None:
        """Prepare to judge the end of a turn: one that begins, or one that goes on after it was closed.

        `settled`: what was said before has its final.
        """
        if not (self._judge and self._conversation):
            return
        bot_heard = settled and self._conversation.bot_heard
        if bot_heard:
            self._judge.expect(self._conversation.expected)
        self._judge.began(onset_ms, bot_heard=bot_heard, before=self._conversation.said)

    def _open_turn(self, began_ms: int) -> Utterance:
        self._utterance = self._newest = utterance = Utterance(began_ms, self._new_key())
        task = self._tasks.create_task(self._turn(utterance))
        self._turns_open[task] = utterance
        task.add_done_callback(self._turns_open.pop)
        return utterance

    @property
    def _crowded(self) -> bool:
        return sum(not utterance.told for utterance in self._turns_open.values()) > _MAX_TURNS

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
            self._open_turn(self._ear.now_ms).close(self._ear.now_ms)
            self._utterance = None
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
                    await self._audience.tell(final)
                if self._judge and self._conversation:
                    self._judge.carried(self._conversation.said)
        finally:
            if not utterance.told:
                log.error("final lost: utterance at %d ms", utterance.began_ms)
                self._metrics.finals_lost.inc()
        if self._conversation and self._newest is utterance and self._listener and not self._listener.done():
            self._conversation.take_the_floor()

    async def _transcribe(self, utterance: Utterance) -> Final:
        try:
            return await self._outage.survive(
                lambda: transcribe(utterance, self._asr, self._options, show=self._audience.show, judge=self._judge),
                on_wait=self._excuse,
            )
        except SpeechError as error:
            if self._conversation and not error.retryable:
                self._conversation.fall_back()
            await self._audience.lose(str(error))
        return Final("", "", utterance.began_ms, utterance.ended_ms)

    def _excuse(self) -> None:
        """A final waits for an engine: the caller is told once an outage, when not speaking; not too many may wait."""
        if self._crowded:
            self._outage.give_up()
        elif self._conversation and self._utterance is None and self._outage.excuse():
            self._conversation.fall_back()
