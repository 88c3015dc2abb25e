"""One call from start to end, on one page.

    leg -Media-> ear -windows-> turns -Began/Cut/Over-> utterance -> transcripts -Final-> bot -text-> output -> leg

`_listen` is the receive loop: it hears, decides who holds the floor, and waits for no model and no slow peer.
Each utterance has one task (`_turn`) that transcribes it, hands its final on and gives the floor to the bot. The reply
is a task of its own (conversation.py), so that no transcript is ever lost to a barge-in. With every engine gone the
turns wait, with their audio and in order (asr_outage.py).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial as bound
from uuid import uuid4

from bot.api import Final
from bridge.call.asr_outage import AsrOutage
from bridge.call.bot_side import OpenBotSide, obey
from bridge.call.peer_faults import PeerFaults
from bridge.call.transcribe import transcribe
from bridge.call.transcript_delivery import TranscriptDelivery
from bridge.call.turn_detector import OpenTurnDetector
from bridge.call.utterance import PreRoll, Utterance
from bridge.leg import Leg, LegLost
from bridge.metrics import CallMetrics
from bridge.speech.api import Recogniser, SpeechError
from bridge.speech.call_language import CallLanguage
from bridge.speech.ear import Ear, ScoredWindow
from bridge.turns.turn_taker import Began, Cut, Over, Paused, Resumed, TurnEvent, TurnTaker
from telephony import events
from telephony.errors import RemoteProtocolError
from telephony.events import CallEnded, Event, Finalize, Malformed, Media
from telephony.recognition import RecognitionOptions

log = logging.getLogger(__name__)

_MAX_TURNS = 8
"""Utterances without their final. Past that back-pressure slows the peer; with no engine, the oldest is given up."""


class CallSession:
    """One call. All that belongs to it is here or in what it was given; only the models are shared."""

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
        bot_side: OpenBotSide,
        turn_detector: OpenTurnDetector,
        new_key: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        """`drain_s`: pending finals must be there so long after the call ended; `outage_s`: a final waits so long for
        an engine to come back; `new_key` names an utterance to the engines.
        `bot_side` and `turn_detector` make what speaks with this caller, and what judges the ends of their turns.
        """
        self._leg, self._ear, self._turns, self._preroll = leg, ear, turns, preroll
        self._asr, self._options, self._metrics, self._drain_s, self._new_key = asr, options, metrics, drain_s, new_key
        self._language = CallLanguage(allowed=options.languages, forced=options.language or "")
        self._outage, self._usual_context = AsrOutage(asr, longest_s=outage_s), options.context
        self._utterance: Utterance | None = None  # the one being spoken
        self._newest: Utterance | None = None  # the one being spoken or spoken last
        self._turns_open: dict[asyncio.Task[None], Utterance] = {}
        self._finals = asyncio.Lock()  # transcripts leave in the order they were spoken
        self._listener: asyncio.Task[str] | None = None
        self.stopped, self._draining = "", False  # why we ended the call, when we did; whether the server will
        self._tasks = asyncio.TaskGroup()
        self._bot = bot_side(self._tasks, self)
        self.put_in = self._bot.put_in  # what an operator wants said or done
        self._turn_detector = turn_detector(self._bot.speculate)
        self._peer_faults = PeerFaults(leg, metrics, self._tasks)
        self._delivery = TranscriptDelivery(leg, self._bot, metrics, self._tasks, partials=options.partials)

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
        except (RemoteProtocolError, LegLost) as error:
            reason = f"protocol error: {error}" if isinstance(error, RemoteProtocolError) else str(error)
            raise
        finally:
            await self._bot.end(reason)
        return reason

    def stop(self, reason: str) -> None:
        """End the call from our side: what was said so far still gets its final."""
        self.stopped = self.stopped or reason
        if self._listener:
            self._listener.cancel()

    def finish(self, reason: str) -> None:
        """End the call from our side with the bot's goodbye, where there is a bot."""
        if self._listening:
            self._bot.say_goodbye(reason)
        else:
            self.stop(reason)

    def drain(self) -> None:
        """Tell the bot that the server takes no new calls and will end; before the call runs, as soon as it does."""
        self._draining = True
        if self._listening:
            self._bot.drain()

    def set_language(self, language: str) -> None:
        """Expect `language` from the next utterance on; "" lets the recogniser find out."""
        self._language.force(language)

    def set_context(self, context: str) -> None:
        """Tell the recogniser from the next utterance on what the call is about; "" is what it began with."""
        self._options = replace(self._options, context=context or self._usual_context)

    async def _carry(self) -> str:
        self._listener = listener = asyncio.create_task(self._listen())
        deadline = asyncio.timeout(None)
        try:
            async with deadline, self._tasks:
                try:
                    self._bot.greet()
                    if self._draining:
                        self._bot.drain()
                    await asyncio.wait({listener})
                finally:
                    listener.cancel()
                self._close_floor()
                self._bot.close()
                deadline.reschedule(asyncio.get_running_loop().time() + self._drain_s)
        except TimeoutError:
            log.error("the call's last tasks were not done %g s after its end", self._drain_s)
            await self._delivery.end()
        return self.stopped if listener.cancelled() else listener.result()

    @property
    def _listening(self) -> bool:
        return self._listener is not None and not self._listener.done()

    async def _listen(self) -> str:
        try:
            async for event in self._leg:
                match event:
                    case Media():
                        self._metrics.media(event)
                        for window in await self._ear.hear(event):
                            await self._hear(window)
                    case CallEnded(reason):
                        return reason
                    case _:
                        self._obey(event)
        except RemoteProtocolError as error:
            await self._leg.send(events.Problem(str(error)))
            raise
        return "the wire ended"

    def _obey(self, event: Event) -> None:
        match event:
            case Finalize():
                self._finalize()
            case Malformed() | events.Notice():
                self._peer_faults.tell(event)
            case _:
                obey(self._bot, event)

    # ------------------------------------------------------------ who holds the floor

    async def _hear(self, window: ScoredWindow) -> None:
        event = self._turns.hear(window.probability, from_ms=window.from_ms, to_ms=window.to_ms)
        if self._utterance:
            self._utterance.add(window.samples, speech_ms=self._turns.speech * (window.to_ms - window.from_ms))
        else:
            self._preroll.add(window)
        if event:
            self._follow(event)
        self._bot.hear(window, speech=self._turns.speech)
        while event and self._crowded:
            self._outage.give_up()
            await asyncio.wait(self._turns_open, return_when=asyncio.FIRST_COMPLETED)

    def _follow(self, event: TurnEvent) -> None:
        match event:
            case Began(onset_ms, speech_ms):
                self._delivery.speech.started(onset_ms)
                settled = self._newest is None or self._newest.told
                utterance = self._open_turn(onset_ms)
                utterance.audio_from_ms = self._preroll.from_ms(onset_ms)
                utterance.add(self._preroll.take(onset_ms), speech_ms=speech_ms)
                self._expect_end(onset_ms, settled=settled)
            case Paused() if self._utterance:
                self._utterance.pause()
                self._turn_detector.asked(self._utterance.key)
            case Resumed() if self._utterance:
                self._utterance.resume()
                self._turn_detector.withdrawn(self._utterance.key)
            case Cut(at_ms) if self._utterance:
                self._utterance.cut = True
                self._utterance.close(at_ms)
                self._open_turn(at_ms)
            case Over(at_ms, speech_end_ms) if self._utterance:
                log.debug("turn closed after %d ms of silence", at_ms - speech_end_ms)
                self._metrics.speech_ended(ago_ms=self._ear.now_ms - speech_end_ms)
                self._delivery.speech.stopped(speech_end_ms)
                self._utterance.close(speech_end_ms)
                self._utterance = None
                self._apologise()

    def _expect_end(self, onset_ms: int, *, settled: bool) -> None:
        """Prepare to judge the end of a turn: one that begins, or one that goes on after it was closed.

        `settled`: what was said before has its final.
        """
        bot_heard = settled and self._bot.bot_heard
        if bot_heard:
            self._turn_detector.expect(self._bot.expected)
        self._turn_detector.began(onset_ms, bot_heard=bot_heard, before=self._bot.said)

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
                self._bot.follow(self._language.now)
                if not final.text:
                    self._metrics.nothing_said()
                await self._delivery.final(final, owed=utterance.owed, ends_turn=not utterance.cut)
                self._turn_detector.carried(self._bot.said)
        finally:
            if not utterance.told:
                log.error("final lost: utterance at %d ms", utterance.began_ms)
                self._metrics.finals_lost.inc()
        if self._newest is utterance and self._listening:
            self._bot.end_user_turn()

    async def _transcribe(self, utterance: Utterance) -> Final:
        delivery = self._delivery
        hear = bound(transcribe, utterance, self._asr, on_partial=delivery.partial, wanted=delivery.wants_partials)
        hear = bound(hear, turn_detector=self._turn_detector, language=self._language)
        try:
            return await self._outage.survive(lambda: hear(options=self._options), on_wait=self._apologise)
        except SpeechError as error:
            if not error.retryable:
                self._bot.fall_back()
            await self._delivery.lost(str(error))
        return Final("", "", utterance.began_ms, utterance.ended_ms)

    def _apologise(self) -> None:
        """A final waits for an engine: the caller is told, once they fall silent; not too many may wait."""
        if self._crowded:
            self._outage.give_up()
        elif self._utterance is None and self._outage.take_apology(again=self._bot.apology_lost):
            self._bot.fall_back()
