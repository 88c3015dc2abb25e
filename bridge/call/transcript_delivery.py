"""Who is told what the caller says: the client that wants text, and the bot."""

import logging
import time

from bot.api import Final, Partial
from bridge.call.conversation import Conversation
from bridge.leg import Leg
from bridge.metrics import CallMetrics
from telephony.events import Problem, Transcript

log = logging.getLogger(__name__)


class TranscriptDelivery:
    """Hears each transcript of one call once."""

    def __init__(self, leg: Leg, conversation: Conversation | None, metrics: CallMetrics, *, partials: bool) -> None:
        """`partials`: the client wants them; the bot always does."""
        self._leg, self._conversation, self._metrics, self._partials = leg, conversation, metrics, partials

    async def show(self, partial: Partial) -> None:
        self._metrics.partials.inc()
        if self._partials and self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(partial.text, partial.language, False, time.time()))
        if self._conversation:
            self._conversation.show(partial)

    async def tell(self, final: Final) -> None:
        """Hand a final to whoever wants it: the only place, so that each arrives once."""
        self._metrics.finals.inc()
        log.info("caller: %d characters of %s", len(final.text), final.language or "nothing")
        log.debug("caller said: '%s'", final.text)  # %r would escape the joiners of Indic scripts
        if self._leg.capabilities.transcripts:
            await self._leg.send(Transcript(final.text, final.language, True, time.time()))
        if self._conversation and final.text:
            await self._conversation.tell(final)

    async def lose(self, why: str) -> None:
        """Say that a final could not be had."""
        log.error("final lost: %s", why)
        self._metrics.finals_lost.inc()
        await self._leg.send(Problem(f"the recogniser failed: {why}"))
