"""From what was heard at a pause to how long it may last: asks the end-of-turn model, on the event loop's time."""

import asyncio
import logging
from collections.abc import Callable

from bridge.speech.api import EndOfTurn, EngineFailed, Samples
from bridge.speech.dictation import read
from bridge.turns.endpointing import Endpointing, Expected
from bridge.turns.rolling_quantile import RollingQuantile

log = logging.getLogger(__name__)


class TurnDetector:
    """Of one call. Whatever the model does, the turn closes: unjudged, it waits as if there were none."""

    def __init__(
        self,
        endpointing: Endpointing,
        ending: EndOfTurn,
        *,
        time_to_final: RollingQuantile,
        limit_s: float,
        clock_ms: Callable[[], int],
    ) -> None:
        """`limit_s`: a judgement that takes longer is not waited for. `clock_ms`: monotonic, for what finals take."""
        self._endpointing, self._ending = endpointing, ending
        self._time_to_final, self._limit_s, self._clock_ms = time_to_final, limit_s, clock_ms
        self._asked_ms: dict[str, int] = {}  # when the final of an utterance's pause was asked for, by its key
        self.on_judged: Callable[[str, str, float], None] = lambda *_: None
        """Told of each judgement: what the utterance under way is, its language, P(end of turn)."""
        self._before = ""  # said in this turn before the utterance under way

    def began(self, onset_ms: int, *, bot_heard: bool, before: str) -> None:
        """The caller speaks; `bot_heard`: see Endpointing.began. `before`: said and not answered yet."""
        self._endpointing.began(onset_ms, bot_heard=bot_heard)
        self.carried(before)

    def carried(self, text: str) -> None:
        """Take `text` for the turn's beginning: finals that were not answered yet, "" where a new turn begins."""
        self._before = text

    def expect(self, expected: Expected) -> None:
        """Heed what the bot expects to hear next."""
        self._endpointing.expect(expected)

    def asked(self, key: str) -> None:
        """A pause began in the utterance `key`: from here counts what its final takes."""
        self._asked_ms[key] = self._clock_ms()

    def withdrawn(self, key: str) -> None:
        """That final is not wanted any more: the caller spoke on, or it could not be had."""
        self._asked_ms.pop(key, None)

    def served(self, key: str) -> None:
        """The final asked for is there."""
        if (asked_ms := self._asked_ms.pop(key, None)) is not None:
            self._time_to_final.add(self._clock_ms() - asked_ms)

    def hear(self, text: str, language: str) -> None:
        """Read what the utterance under way is by now: dictation shows before the pause does."""
        if text.strip():
            self._endpointing.worded()
        self._endpointing.read(read(f"{self._before} {text}", language))

    async def weigh(self, audio: Samples, text: str, language: str) -> None:
        """Judge the pause under way by its final `text`; `audio` is the utterance so far, 16 kHz, read only."""
        since_ms = self._endpointing.paused_since_ms
        self.hear(text, language)
        if since_ms is None:
            return
        try:
            async with asyncio.timeout(self._limit_s):
                probability = await self._ending.probability(audio, f"{self._before} {text}".strip(), language)
            if not 0 <= probability <= 1:  # NaN too
                raise EngineFailed(f"the probability is {probability}, must be 0 to 1")
        except TimeoutError:
            log.warning("the end of a turn was not judged: no answer in %g s", self._limit_s)
            return
        except Exception as error:  # a plug-in: whatever it raises costs one judgement
            log.warning(
                "the end of a turn was not judged: %s", error if isinstance(error, EngineFailed) else repr(error)
            )
            return
        log.debug("P(end of turn) %.2f for %d characters", probability, len(text))
        if self._endpointing.paused_since_ms != since_ms:  # it is over
            return
        self._endpointing.judged(probability, speech_end_ms=since_ms)
        self.on_judged(text, language, probability)
