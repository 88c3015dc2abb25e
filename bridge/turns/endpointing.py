"""How long a pause must last until the caller's turn is over. Pure: media time, whole milliseconds, is an argument.

The wait depends on what is known of the pause. It is read at every VAD window and may change:

    nothing yet          wait_ms, or longer if finals take longer in this process
    not a word           sure_ms
    an answer            answer_ms; asked_answer_ms after a question
    dictation            dictation_ms; sure_ms once the number is whole
    a text that breaks   unfinished_ms
    a probability        sure_ms from `sure` on, unsure_ms up to `unsure`, a straight line between
    a calibrated one     what costs least by `cut_ms`, between the limits of `cost`

Except after a question it is never shorter than this caller's own pauses (caller_pauses.py). It is never longer than
ceiling_ms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from bot.api import Expect
from bridge.speech.dictation import DICTATED, Kind, Reading
from bridge.turns.caller_pauses import CallerPauses, CallerPausesRules
from bridge.turns.expected_cost import CostRules, cheapest_wait_ms
from bridge.turns.ranges import within
from bridge.turns.rolling_quantile import RollingQuantile

_ANSWER_MS: Final = 1500
"""An answer to a question is no longer: five words."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bot expects the caller to say next."""

    kind: Expect = Expect.ANYTHING
    digits: int = 0
    """With DIGITS: how many digits make the number whole; 0 where that is not known."""
    asked: bool = False
    """The bot's last sentence was a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRules:
    """When a pause ends the caller's turn. Waits are milliseconds since the last speech that the VAD heard.

    docs/turns.md has the measurements behind the defaults.

    Raises:
        ValueError: a value is out of its range, or `unsure` is above `sure`.
    """

    stop_ms: int = 128
    """Silence after which the final is decoded and the end is judged, 32..1000. Four windows of the VAD: the judgement
    comes 0.15 s later, in time for sure_ms, and smart-turn tells ends from pauses as well as at 0.19 s."""
    asked_stop_ms: int = 64
    """The same after a question, while what was said is short enough for an answer, 32..1000; `stop_ms` where that is
    less. The final of an answer is there 64 ms sooner, for decodes at more of the gaps inside words."""
    wait_ms: int = 500
    """Wait while nothing is known of the pause; the whole wait where no judgement comes, 100..10000. Half of the pauses
    of 0.3 to 1.2 s are shorter."""
    sure: float = 0.9
    """Probability of an end from which sure_ms is enough, 0..1. The text heuristic gives it to a finished sentence;
    smart-turn gives more to six ends in ten."""
    sure_ms: int = 400
    """Wait where the end is sure, 100..10000. The reply is heard 0.15 s later: the median turn is answered within
    0.6 s, with some room."""
    unsure: float = 0.5
    """Probability up to which the wait is unsure_ms, 0..1. Between `unsure` and `sure` the wait lies on a line. A step
    would cut as few turns short, but a step that is 0.05 too high makes the median turn 0.28 s slower."""
    unsure_ms: int = 800
    """Wait where the end is doubted, 100..10000. Smart-turn doubts one end in seven: with 0.15 s for the reply these
    are answered within 1.0 s."""
    cut_ms: int = 600
    """What a caller cut short is worth, in milliseconds of waiting, 0..100000: where the probability is calibrated, the
    wait is what costs least by it. 0: it lies on the line above."""
    cost: CostRules = field(default_factory=CostRules)
    unfinished_ms: int = 1500
    """Wait where the text breaks off ("my", "um"), 100..10000. Such a text is a sure sign: 1 of 146 ends read like
    that, and a quarter of the pauses. It is longer than a pause of 1.2 s, which must not end the turn."""
    answer_ms: int = 400
    """Wait after "yes" or "two" where the bot had not asked, 100..10000: more may follow ("yes, but"), so it is not
    below sure_ms."""
    asked_answer_ms: int = 190
    """Wait after such an answer where the bot had asked, 100..10000. As soon as the text is there: 0.06 s to the decode
    and 0.12 s for it."""
    dictation_ms: int = 1500
    """Wait inside numbers, spellings and addresses, 100..10000: callers read them out in groups, up to 1.2 s apart."""
    name_ms: int = 800
    """Shortest wait where a name is expected, 100..10000: a surname, or its spelling, comes after a breath."""
    ceiling_ms: int = 2500
    """No wait is longer, 100..30000. LiveKit waits 2.5 s at most, Pipecat 3 s; then callers ask who is there."""
    final_share: float = 0.99
    """The wait without a judgement lasts as long as this share of finals takes, 0.5..1."""
    final_most_ms: int = 800
    """Longest time of a final that prolongs the wait without a judgement, 0..10000."""
    caller_pauses: CallerPausesRules = field(default_factory=CallerPausesRules)

    def __post_init__(self) -> None:
        waits = "wait_ms sure_ms unsure_ms unfinished_ms answer_ms asked_answer_ms dictation_ms name_ms".split()
        within(self, 0, 100_000, "cut_ms")
        within(self, 32, 1000, "stop_ms", "asked_stop_ms")
        within(self, 100, 10_000, *waits)
        within(self, 100, 30_000, "ceiling_ms")
        within(self, 0, 1, "sure", "unsure")
        within(self, 0.5, 1, "final_share")
        within(self, 0, 10_000, "final_most_ms")
        if self.unsure > self.sure:
            raise ValueError(f"unsure is {self.unsure}, must not be above sure, which is {self.sure}")


class Endpointing:
    """The waits of one call. Tell it what happens, and read `wait_ms` at every window of a pause.

    began -> (paused -> read, judged -> resumed)* -> closed -> began ...; `expect`, `read`, `worded` at any time
    """

    def __init__(self, rules: EndpointRules, *, time_to_final: RollingQuantile) -> None:
        """`time_to_final`: milliseconds from a pause to the final of what was said before it, in this process."""
        self._rules, self._time_to_final = rules, time_to_final
        self._pauses = CallerPauses(rules.caller_pauses)
        self._expected = Expected()
        self._reading = Reading(Kind.NOTHING)  # of the turn so far, over all its pauses
        self._probability: float | None = None  # of this pause; None before it is judged
        self._calibrated = False
        self.paused_since_ms: int | None = None
        """Where the last speech ended, while the turn pauses; None while the caller speaks, and between turns."""
        self._speech_end_ms = 0  # the last one, paused or closed
        self._closed = False  # no utterance began since the turn was closed
        self._lesson: Callable[[], None] | None = None  # what to learn from the utterance, once it has words

    def expect(self, expected: Expected) -> None:
        """Set what the bot expects from now on; each reply sets it anew."""
        self._expected = expected

    def paused(self, speech_end_ms: int) -> None:
        """Note that the caller fell silent at `speech_end_ms`. Nothing is known of this pause yet."""
        self._speech_end_ms = self.paused_since_ms = speech_end_ms
        self._probability = None

    def read(self, reading: Reading) -> None:
        """Note what kind of text the turn has by now: that of a partial, or of the final."""
        self._reading = reading

    def judged(self, probability: float, *, speech_end_ms: int, calibrated: bool = False) -> None:
        """Note P(end of turn), 0..1, of the pause after `speech_end_ms`, unless that is over; `read` comes first.

        `calibrated`: it is a frequency, and can be weighed against the length of pauses.
        """
        if self.paused_since_ms == speech_end_ms:
            self._probability, self._calibrated = probability, calibrated

    def resumed(self, at_ms: int) -> None:
        """Note that the caller speaks on at `at_ms`, in the same utterance."""
        self._pauses.paused(at_ms - self._speech_end_ms)
        self.paused_since_ms = self._probability = None

    def closed(self, speech_end_ms: int) -> None:
        """Note that the turn was closed; its last speech ended at `speech_end_ms`."""
        self._speech_end_ms, self._closed = speech_end_ms, True
        self.paused_since_ms = self._probability = None

    def began(self, onset_ms: int, *, bot_heard: bool) -> None:
        """Note that the caller speaks again. `bot_heard`: something of the bot was heard since the turn was closed.

        If not, the turn was closed too early: it goes on, with all its words. It was closed too early as well if the
        caller speaks over the bot's first words. Nothing is learnt before `worded`: the sound may be a cough.
        """
        if not self._closed:
            return
        pause_ms = onset_ms - self._speech_end_ms
        mistaken = not bot_heard or pause_ms <= self._rules.caller_pauses.interrupted_ms
        self._lesson = partial(self._pauses.mistaken, pause_ms) if mistaken else self._pauses.answered
        if bot_heard:
            self._reading = Reading(Kind.NOTHING)
        self._closed = False

    def worded(self) -> None:
        """Note that the utterance that began has words: learn from it."""
        if self._lesson:
            self._lesson()
            self._lesson = None

    def stop_ms(self, length_ms: int) -> int:
        """Return the silence after which the final of an utterance of `length_ms` so far is worth decoding."""
        rules = self._rules
        return min(rules.stop_ms, rules.asked_stop_ms) if self._asked and length_ms <= _ANSWER_MS else rules.stop_ms

    @property
    def wait_ms(self) -> int:
        """Milliseconds since the last speech at which the turn closes, 0..`ceiling_ms`, by what is known now."""
        rules = self._rules
        if self._answers_a_question():
            return min(rules.asked_answer_ms, rules.ceiling_ms)
        return min(max(self._plain_ms(), self._pauses.floor_ms), rules.ceiling_ms)

    def _plain_ms(self) -> int:
        rules = self._rules
        if self._number_is_whole():
            return rules.sure_ms
        if self._dictates():
            return rules.dictation_ms
        if self._probability is None:
            return self._unjudged_ms()
        if self._reading.kind is Kind.NOTHING:  # a noise needs no answer, and a bot that it silenced may go on
            return rules.sure_ms
        if self._reading.kind is Kind.ANSWER:
            return rules.answer_ms
        if self._reading.kind is Kind.UNFINISHED:
            return rules.unfinished_ms
        least_ms = rules.name_ms if self._expected.kind is Expect.NAME else 0
        return max(least_ms, self._judged_ms(self._probability))

    def _judged_ms(self, probability: float) -> int:
        rules = self._rules
        if not (self._calibrated and rules.cut_ms):
            return _between(rules, probability)
        own_ms = self._pauses.mean_ms
        return cheapest_wait_ms(probability, cut_ms=rules.cut_ms, rules=rules.cost, own_pause_ms=own_ms)

    def _unjudged_ms(self) -> int:
        """Return the wait while a judgement may still come: as long as most finals of this process take."""
        rules = self._rules
        final_ms = min(self._time_to_final.quantile(rules.final_share), rules.final_most_ms)
        return max(rules.wait_ms, rules.stop_ms + final_ms)

    def _answers_a_question(self) -> bool:
        """Return whether the text answers the bot's question, in words: a digit may be the first of many."""
        words = self._reading.kind is Kind.ANSWER and not self._reading.digits
        return self._asked and words and self._probability is not None

    @property
    def _asked(self) -> bool:
        return self._expected.asked or self._expected.kind is Expect.YES_NO

    def _number_is_whole(self) -> bool:
        expected = self._expected
        return expected.kind is Expect.DIGITS and 0 < expected.digits <= self._reading.digits

    def _dictates(self) -> bool:
        reading, kind = self._reading, self._reading.kind
        match self._expected.kind:
            case Expect.YES_NO:
                return False
            case Expect.DIGITS:
                return kind is Kind.NOTHING or reading.digits > 0 or kind in DICTATED
            case Expect.EMAIL | Expect.SPELLING:
                return kind not in {Kind.ANSWER, Kind.QUESTION, Kind.ADDRESS}
            case _:
                return kind in DICTATED


def _between(rules: EndpointRules, probability: float) -> int:
    """Return the wait for `probability`, on the line from (unsure, unsure_ms) to (sure, sure_ms)."""
    if probability >= rules.sure:
        return rules.sure_ms
    if probability <= rules.unsure:
        return rules.unsure_ms
    part = (probability - rules.unsure) / (rules.sure - rules.unsure)
    return round(rules.unsure_ms + part * (rules.sure_ms - rules.unsure_ms))
