"""Decides at a pause of the caller how long it may last: asks the end-of-turn model, if there is one."""

import logging
from collections.abc import Callable
from typing import Protocol

from bridge.speech.api import EndOfTurn, EngineFailed, MarksAhead, Samples
from bridge.speech.dictation import read
from bridge.timeouts import timeout
from bridge.turns.end_probability import EndWeights
from bridge.turns.endpointing import Endpointing, Expected
from bridge.turns.rolling_quantile import RollingQuantile

log = logging.getLogger(__name__)


OnJudged = Callable[[str, str, float], None]
"""Called with each judgement: text of the utterance under way, its language, P(end of turn) from 0 to 1."""


class TurnDetection(Protocol):
    """Decides how long a pause of the caller may last."""

    def began(self, onset_ms: int, *, bot_heard: bool, before: str) -> None:
        """Note that the caller speaks. `bot_heard`: see Endpointing.began. `before`: see `carried`."""

    def carried(self, text: str) -> None:
        """Take `text` as the beginning of the turn: the finals that were not answered yet, "" in a new turn."""

    def expect(self, expected: Expected) -> None:
        """Take what the bot expects to hear next."""

    def asked(self, key: str) -> None:
        """Note that a pause began in the utterance `key`: the time that its final takes counts from here."""

    def withdrawn(self, key: str) -> None:
        """Note that this final is not wanted any more: the caller spoke on, or it could not be had."""

    def served(self, key: str) -> None:
        """Note that the final asked for is there."""

    def hear(self, text: str, language: str) -> None:
        """Read the text of the utterance under way: dictation shows before the pause does."""

    async def weigh(self, audio: Samples, text: str, language: str, marks: MarksAhead | None = None) -> None:
        """Judge the pause under way by its final `text`; `audio` is the utterance so far, 16 kHz, read only.

        `marks`: what the recogniser expects behind it, where it tells.
        """


OpenTurnDetector = Callable[[OnJudged], TurnDetection]
"""Makes the turn detection of a call; the argument is told of its judgements."""


class NoTurnDetector:
    """Judges nothing: every pause may last equally long. For calls without an end-of-turn model, or without a bot."""

    def began(self, onset_ms: int, *, bot_heard: bool, before: str) -> None:
        """It does not matter."""

    def carried(self, text: str) -> None:
        """It does not matter."""

    def expect(self, expected: Expected) -> None:
        """It does not matter."""

    def asked(self, key: str) -> None:
        """Nothing is measured."""

    def withdrawn(self, key: str) -> None:
        """Nothing is measured."""

    def served(self, key: str) -> None:
        """Nothing is measured."""

    def hear(self, text: str, language: str) -> None:
        """It does not matter."""

    async def weigh(self, audio: Samples, text: str, language: str, marks: MarksAhead | None = None) -> None:
        """Nothing is judged."""


class TurnDetector:
    """Asks the end-of-turn model. Whatever that does, the turn closes: unjudged, it waits as if there were none."""

    def __init__(
        self,
        endpointing: Endpointing,
        ending: EndOfTurn,
        on_judged: OnJudged,
        *,
        time_to_final: RollingQuantile,
        limit_s: float,
        clock_ms: Callable[[], int],
        weights: EndWeights | None = None,
    ) -> None:
        """`limit_s`: a judgement that takes longer is not waited for. `clock_ms`: monotonic; measures finals.

        `weights`: what judges instead of `ending` where the recogniser tells what it expects next.
        """
        self._endpointing, self._ending, self._on_judged = endpointing, ending, on_judged
        self._time_to_final, self._limit_s, self._clock_ms = time_to_final, limit_s, clock_ms
        self._weights = weights
        self._asked_ms: dict[str, int] = {}  # when the final of an utterance's pause was asked for, by its key
        self._before = ""  # said in this turn before the utterance under way

    def began(self, onset_ms: int, *, bot_heard: bool, before: str) -> None:
        self._endpointing.began(onset_ms, bot_heard=bot_heard)
        self.carried(before)

    def carried(self, text: str) -> None:
        self._before = text

    def expect(self, expected: Expected) -> None:
        self._endpointing.expect(expected)

    def asked(self, key: str) -> None:
        self._asked_ms[key] = self._clock_ms()

    def withdrawn(self, key: str) -> None:
        self._asked_ms.pop(key, None)

    def served(self, key: str) -> None:
        if (asked_ms := self._asked_ms.pop(key, None)) is not None:
            self._time_to_final.add(self._clock_ms() - asked_ms)

    def hear(self, text: str, language: str) -> None:
        if text.strip():
            self._endpointing.worded()
        self._endpointing.read(read(f"{self._before} {text}", language))

    async def weigh(self, audio: Samples, text: str, language: str, marks: MarksAhead | None = None) -> None:
        since_ms = self._endpointing.paused_since_ms
        self.hear(text, language)
        if since_ms is None:
            return
        if (probability := self._by_marks(text, language, marks)) is not None:
            self._judged(probability, text, language, since_ms=since_ms, calibrated=True)
            return
        try:
            async with timeout(self._limit_s):
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
        self._judged(probability, text, language, since_ms=since_ms, calibrated=False)

    def _by_marks(self, text: str, language: str, marks: MarksAhead | None) -> float | None:
        if self._weights is None or marks is None:
            return None
        return self._weights.probability(marks, read(f"{self._before} {text}", language).kind)

    def _judged(self, probability: float, text: str, language: str, *, since_ms: int, calibrated: bool) -> None:
        log.debug("P(end of turn) %.2f for %d characters", probability, len(text))
        if self._endpointing.paused_since_ms != since_ms:  # it is over
            return
        self._endpointing.judged(probability, speech_end_ms=since_ms, calibrated=calibrated)
        self._on_judged(text, language, probability)
