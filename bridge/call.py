"""One call from start to end, on one page.

    leg -Media-> ear -windows-> turns -Began/Paused/Over-> utterance -> transcripts -Final-> bot -text-> mouth -> leg

`_listen` is the receive loop: it hears, decides who holds the floor, and waits for no model and no slow peer.
Each utterance has one task (`_turn`) that transcribes it and hands the final on; the reply is a task of its own,
so barge-in is its cancellation and no transcript is ever lost to one.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final as Constant
from typing import TypeVarTuple

from bot.api import Bot, CallInfo, Final, Line, Partial, Samples, Speaker, Turn
from bridge.leg import Leg
from bridge.metrics import CallMetrics
from bridge.mouth import Mouth, once, within
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

Ts = TypeVarTuple("Ts")

_MAX_TURNS: Constant = 8  # utterances without their final; past that the socket's back-pressure slows the peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What a call with a bot has on top of one that only transcribes."""

    bot: Bot
    mouth: Mouth
    greeting: str = ""
    """Spoken first; "" leaves it to the bot."""
    fallback: tuple[Samples, str] | None = None
    """Recording and text that the caller hears instead of a fault."""
    limit_s: float = 10.0
    """The bot must say the next thing within so long."""


class CallSession:
    """A call. All that belongs to it is here or in what it was given; only the models are shared."""

    def __init__(
        self,
        leg: Leg,
        info: CallInfo,
        *,
        ear: Ear,
        turns: TurnTaker,
        preroll: PreRoll,
        asr: Asr,
        options: RecognitionOptions,
        metrics: CallMetrics,
        drain_s: float,
        talk: Talk | None = None,
    ) -> None:
        """`drain_s`: pending finals must be there so long after the call ended."""
        self._leg, self._info, self._ear, self._turns, self._preroll = leg, info, ear, turns, preroll
        self._asr, self._options, self._metrics, self._drain_s = asr, options, metrics, drain_s
        self._talk = talk
        self._utterance: Utterance | None = None  # the one being spoken
        self._newest: Utterance | None = None  # the one being spoken or spoken last
        self._turns_open: set[asyncio.Task[None]] = set()  # utterances whose final is not told yet
        self._finals = asyncio.Lock()  # transcripts leave in the order they were spoken
        self._keys = asyncio.Lock()  # so do keys
        self._history: list[Line] = []
        self._unanswered: list[Final] = []  # said by the caller since the bot was last heard
        self._cut_off = ""  # what the newest barge-in kept the caller from hearing
        self._reply: asyncio.Task[None] | None = None
        self._on_partial: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[str] | None = None
        self._stopped = ""  # why we ended the call, when we did

    # ------------------------------------------------------------ the call

    async def run(self) -> str:
        """Carry the call from start to end; return why it ended.

        Raises:
            Exception: a fault of ours or of the VAD; it ends this call and no other.
        """
        self._listener = listener = asyncio.create_task(self._listen())
        deadline = asyncio.timeout(None)
        try:
            async with deadline, asyncio.TaskGroup() as self._tasks:
                try:
                    self._greet()
                    await asyncio.wait({listener})
                finally:
                    listener.cancel()
                self._finish()
                deadline.reschedule(asyncio.get_running_loop().time() + self._drain_s)
        except TimeoutError:
            log.error("finals were not there %g s after the call ended", self._drain_s)
        reason = self._stopped if listener.cancelled() else listener.result()
        if self._talk:
            await self._hook(self._talk.bot.on_end, reason)
        return reason

    def stop(self, reason: str) -> None:
        """End the call from our side: what was said so far still gets its final."""
        self._stopped = self._stopped or reason
        if self._listener:
            self._listener.cancel()

    def _greet(self) -> None:
        if self._talk:
            texts = once(self._talk.greeting) if self._talk.greeting else self._talk.bot.on_call(self._info)
            self._reply = self._tasks.create_task(self._answer(self._talk, texts))

    def _finish(self) -> None:
        if self._reply:
            self._reply.cancel()
        self._close_floor()

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
            return f"protocol error: {error}"
        return "the wire ended"

    def _obey(self, event: Event) -> None:
        match event:
            case Played(mark) if self._talk:
                self._talk.mouth.played(mark)
            case Dtmf(digit) if self._talk:
                self._tasks.create_task(self._press(self._talk.bot, digit))
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
                if self._talk:
                    self._interrupt(self._talk)
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

    def _interrupt(self, talk: Talk) -> None:
        """The caller speaks: what the bot was saying, or about to say, is over."""
        silent = self._reply is not None and self._reply.done()
        if self._reply:
            self._reply.cancel()
        heard, unheard = talk.mouth.hush()
        if unheard:
            self._metrics.barge_ins.inc()
            self._tasks.create_task(talk.mouth.clear())
            self._tasks.create_task(self._hook(talk.bot.on_interrupted, heard.text))
        self._cut_off = heard.rest or self._cut_off
        if heard.text or (silent and not heard.rest):
            self._history += [Line(Speaker.CALLER, final.text) for final in self._unanswered]
            self._unanswered.clear()
        if heard.text:
            self._history.append(Line(Speaker.BOT, heard.text))

    # ------------------------------------------------------------ one caller turn

    async def _turn(self, utterance: Utterance) -> None:
        """Transcribe one utterance, hand its final on, and have it answered if the caller said no more."""
        try:
            async with self._finals:
                final = await self._transcribe(utterance)
                utterance.told = True
                if final.text or utterance.owed:
                    await self._tell(final)
        finally:
            if not utterance.told:
                log.error("final lost: utterance at %d ms", utterance.began_ms)
                self._metrics.finals_lost.inc()
        if self._talk and self._newest is utterance:
            self._take_the_floor(self._talk)

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
            if self._talk:
                self._reply = self._tasks.create_task(self._fall_back(self._talk))
        return Final("", "", utterance.began_ms, utterance.ended_ms)

    async def _show(self, partial: Partial) -> None:
        self._metrics.partials.inc()
        if self._options.partials and self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(partial.text, partial.language, False, time.time()))
        if self._talk and (self._on_partial is None or self._on_partial.done()):
            self._on_partial = self._tasks.create_task(self._hook(self._talk.bot.on_partial, partial))

    async def _tell(self, final: Final) -> None:
        """Hand a final to whoever wants it: the only place, so that each arrives once."""
        self._metrics.finals.inc()
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: %r", final.text)
        if self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(final.text, final.language, True, time.time()))
        if self._talk and final.text:
            self._unanswered.append(final)
            await self._hook(self._talk.bot.on_final, final)

    def _take_the_floor(self, talk: Talk) -> None:
        """The caller is done: answer, or go on where a noise cut the bot off."""
        if self._listener and self._listener.done():
            return
        if self._unanswered:
            text = " ".join(final.text for final in self._unanswered)
            turn = Turn(self._info, text, self._unanswered[-1].language, tuple(self._history))
            self._reply = self._tasks.create_task(self._answer(talk, talk.bot.reply(turn)))
        elif self._cut_off:
            self._reply = self._tasks.create_task(self._answer(talk, once(self._cut_off)))
        self._cut_off = ""

    # ------------------------------------------------------------ the bot's side

    async def _answer(self, talk: Talk, texts: AsyncIterator[str]) -> None:
        """Speak the bot's answer; the caller hears the fallback instead of a fault."""
        try:
            await talk.mouth.say(within(texts, talk.limit_s))
        except Exception:  # the bot and the voice are plug-ins: whatever they raise costs one reply, not the call
            log.exception("the bot failed")
            await self._fall_back(talk)

    async def _fall_back(self, talk: Talk) -> None:
        self._metrics.replies_failed.inc()
        if talk.fallback:
            await talk.mouth.play(*talk.fallback)

    async def _press(self, bot: Bot, digit: str) -> None:
        async with self._keys:
            await self._hook(bot.on_dtmf, digit)

    async def _hook(self, hook: Callable[[*Ts], Awaitable[None]], *args: *Ts) -> None:
        assert self._talk
        try:
            async with asyncio.timeout(self._talk.limit_s):
                await hook(*args)
        except Exception:  # the bot is a plug-in: its fault must not end the call
            log.exception("the bot's %s failed", hook.__name__)
