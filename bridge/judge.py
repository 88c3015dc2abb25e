"""From what was heard at a pause to how long it may last: asks the end-of-turn model, on the event loop's time."""

import asyncio
import logging
from collections.abc import Callable

from bridge.endpointing import Endpointing
from bridge.recent import Recent
from bridge.speech.api import EngineFailed, Samples
from bridge.speech.dictation import read
from bridge.speech.ending import EndOfTurn

log = logging.getLogger(__name__)


class Judge:
    """Of one call. Whatever the model does, the turn closes: unjudged, it waits as if there were none."""

    def __init__(
        self,
        endpointing: Endpointing,
        ending: EndOfTurn,
        *,
        time_to_final: Recent,
        limit_s: float,
        clock_ms: Callable[[], int],
    ) -> None:
        """`limit_s`: a judgement that takes longer is not waited for. `clock_ms`: monotonic, for what finals take."""
        self._endpointing, self._ending = endpointing, ending
        self._time_to_final, self._limit_s, self._clock_ms = time_to_final, limit_s, clock_ms
        self._asked_ms: int | None = None  # when the final of the pause under way was asked for
        self._before = ""  # said in this turn before the utterance under way

    def asked(self) -> None:
        """A pause began: from here counts what its final takes."""
        self._asked_ms = self._clock_ms()

    def withdrawn(self) -> None:
        """The caller spoke on: that final is not wanted any more."""
        self._asked_ms = None

    def carried(self, text: str) -> None:
        """Take `text` for the turn's beginning: finals that were not answered yet, "" where a new turn begins."""
        self._before = text

    def hear(self, text: str, language: str) -> None:
        """Read a partial: dictation shows before the pause does."""
        self._endpointing.read(read(f"{self._before} {text}", language))

    async def weigh(self, audio: Samples, text: str, language: str) -> None:
        """Judge the pause under way by its final `text`; `audio` is the utterance so far, 16 kHz, read only."""
        since_ms = self._endpointing.paused_since_ms
        if self._asked_ms is not None:
            self._time_to_final.add(self._clock_ms() - self._asked_ms)
            self._asked_ms = None
        self.hear(text, language)
        if since_ms is None:
            return
        try:
            async with asyncio.timeout(self._limit_s):
                probability = await self._ending.probability(audio, f"{self._before} {text}".strip(), language)
        except (EngineFailed, TimeoutError) as error:
            log.warning("the end of a turn was not judged: %s", str(error) or f"no answer in {self._limit_s:g} s")
            return
        log.debug("P(end of turn) %.2f for %d characters", probability, len(text))
        self._endpointing.judged(probability, speech_end_ms=since_ms)
