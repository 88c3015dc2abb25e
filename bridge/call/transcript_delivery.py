"""Tells what the caller says: to the client, if it wants text, and to the bot."""

import logging
import time

from bot.api import Final, Partial
from bridge.call.bot_side import BotSide
from bridge.leg import Leg
from bridge.metrics import CallMetrics
from telephony.events import Problem, Transcript

log = logging.getLogger(__name__)


class TranscriptDelivery:
    """Hands on each transcript of one call once. Who was shown a partial gets the final that ends it, if empty."""

    def __init__(self, leg: Leg, bot: BotSide, metrics: CallMetrics, *, partials: bool) -> None:
        """`partials`: the client wants them."""
        self._leg, self._bot, self._metrics = leg, bot, metrics
        self._partials = partials and leg.capabilities.transcripts
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

    async def final(self, final: Final, *, owed: bool = False) -> None:
        """Hand on what the caller said. It happens here and nowhere else, so that each final arrives once.

        An empty one takes back what was shown of it; where nothing was, it is for a client that asked for it (`owed`).
        """
        shown, self._shown = self._shown, False
        if not final.text:
            self._bot.take_back()
        if final.text or owed:
            self._metrics.finals.inc()
            self._metrics.observer.said(final)
        elif shown:
            self._metrics.taken_back.inc()
        else:
            return
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: '%s'", final.text)  # %r would escape the joiners of Indic scripts
        if self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(final.text, final.language, True, time.time(), final.words))
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
