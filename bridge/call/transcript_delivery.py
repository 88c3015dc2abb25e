"""Tells what the caller says: to the client, if it wants text, and to the bot."""

import asyncio
import logging
import time

from bot.api import Final, Partial
from bridge.call.bot_side import BotSide
from bridge.leg import Leg
from bridge.logs import CallerWords
from bridge.metrics import CallMetrics
from telephony.events import Problem, SpeechStarted, SpeechStopped, Transcript

log = logging.getLogger(__name__)


class SpeechNotices:
    """Tells a client that wants to know when it begins and ends to speak. Nobody waits until it has read that."""

    def __init__(self, leg: Leg, tasks: asyncio.TaskGroup) -> None:
        self._leg, self._tasks = leg, tasks
        self._newest: asyncio.Task[None] | None = None

    def started(self, at_ms: int) -> None:
        """It speaks since `at_ms` of media time."""
        self._tell(SpeechStarted(at_ms))

    def stopped(self, at_ms: int) -> None:
        """It spoke until then; the final follows."""
        self._tell(SpeechStopped(at_ms))

    async def told(self) -> None:
        """Wait until the newest has left."""
        if self._newest:
            await asyncio.wait({self._newest})

    def _tell(self, notice: SpeechStarted | SpeechStopped) -> None:
        if self._leg.capabilities.speech_events:
            self._newest = self._tasks.create_task(self._leg.send(notice))


class TranscriptDelivery:
    """Hands on each transcript of one call once. Who was shown a partial gets the final that ends it, if empty."""

    def __init__(
        self, leg: Leg, bot: BotSide, metrics: CallMetrics, tasks: asyncio.TaskGroup, *, partials: bool
    ) -> None:
        """`tasks`: of the call. `partials`: the client wants them."""
        self._leg, self._bot, self._metrics = leg, bot, metrics
        self._partials = partials and leg.capabilities.transcripts
        self.speech = SpeechNotices(leg, tasks)
        self._shown = False  # the client has a partial that no final has followed

    def wants_partials(self) -> bool:
        """Return whether a partial would be of use to anybody now. Each costs a decode."""
        return self._partials or self._bot.wants_partials

    async def partial(self, partial: Partial) -> None:
        """Hand on what the caller seems to be saying."""
        self._metrics.partials.inc()
        if self._partials:
            self._shown = True
            await self._leg.send(Transcript(partial.text, partial.language, False, time.time()))
        self._bot.partial(partial)

    async def final(self, final: Final, *, owed: bool = False, ends_turn: bool = True) -> None:
        """Hand on what the caller said. It happens here and nowhere else, so that each final arrives once.

        An empty one takes back what was shown of it; where nothing was, it is for a client that asked for it (`owed`).
        `ends_turn`: it is not the final of a piece of what was too long to be one utterance.
        """
        shown, self._shown = self._shown, False
        if not final.text:
            self._bot.take_back()
        if final.text or owed:
            self._metrics.finals.inc()
            self._metrics.observer.said(final)
        elif shown:
            self._metrics.taken_back.inc()
        elif not self._leg.capabilities.speech_events:  # who was told of speech hears what it was, if nothing
            return
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: '%s'", CallerWords(final.text))  # %r would escape the joiners of Indic scripts
        if self._leg.capabilities.transcripts:
            await self.speech.told()
            span_ms = (final.began_ms, final.ended_ms)
            told = Transcript(final.text, final.language, True, time.time(), final.words, span_ms, ends_turn)
            await self._leg.send(told)
        if final.text:
            self._bot.final(final)

    async def lost(self, why: str) -> None:
        """Tell the client that a final could not be had, and why."""
        log.error("final lost: %s", why)
        self._metrics.finals_lost.inc()
        self._metrics.observer.fault(f"the recogniser failed: {why}")
        await self._leg.send(Problem(f"the recogniser failed: {why}"))

    async def end(self) -> None:
        """The call is over: what was shown and has no final by now gets none from the recogniser any more."""
        if self._shown:
            self._shown = False
            self._metrics.taken_back.inc()
            await self._leg.send(Problem("the call ended before its last words were recognised"))
            await self._leg.send(Transcript("", "", True, time.time()))
