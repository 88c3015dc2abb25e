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
    """Hands on each transcript of one call once."""

    def __init__(self, leg: Leg, bot: BotSide, metrics: CallMetrics, *, partials: bool) -> None:
        """`partials`: the client wants them; the bot always does."""
        self._leg, self._bot, self._metrics, self._partials = leg, bot, metrics, partials

    async def partial(self, partial: Partial) -> None:
        """Hand on what the caller seems to be saying."""
        self._metrics.partials.inc()
        if self._partials and self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(partial.text, partial.language, False, time.time()))
        self._bot.partial(partial)

    async def final(self, final: Final) -> None:
        """Hand on what the caller said. It happens here and nowhere else, so that each final arrives once."""
        self._metrics.finals.inc()
        self._metrics.observer.said(final)
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: '%s'", final.text)  # %r would escape the joiners of Indic scripts
        if self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(final.text, final.language, True, time.time()))
        if final.text:
            self._bot.final(final)

    async def lost(self, why: str) -> None:
        """Tell the client that a final could not be had, and why."""
        log.error("final lost: %s", why)
        self._metrics.finals_lost.inc()
        self._metrics.observer.fault(f"the recogniser failed: {why}")
        await self._leg.send(Problem(f"the recogniser failed: {why}"))
