"""A reply begun before the caller's turn is over: nobody hears it until it turns out to answer what was said."""

from bridge.metrics import CallMetrics
from bridge.speaking.replies import Replies
from bridge.speaking.speech_output import SpeechOutput
from bridge.turns.speculation import Speculation, SpeculationRules


class SpeculativeReply:
    """Says when such a reply is to be begun, lets it out or throws it away, and counts both."""

    def __init__(
        self, output: SpeechOutput, replies: Replies, *, rules: SpeculationRules, metrics: CallMetrics
    ) -> None:
        self._output, self._replies, self._metrics = output, replies, metrics
        self._speculation, self._least_probability = Speculation(rules), rules.probability

    @property
    def running(self) -> bool:
        """True while a reply is begun that nobody may hear yet."""
        return self._speculation.running

    def propose(self, text: str, *, probability: float, spoken_ms: int) -> bool:
        """The turn may be over with `text`: return whether to begin a reply to it.

        `probability` of that, 0 to 1. `spoken_ms`: how long the caller has spoken in this turn. What was begun for
        other words is thrown away first, and the output is held where a reply is to begin.
        """
        if probability < self._least_probability:
            return False
        before = self.running
        if not self._speculation.propose(text, spoken_ms=spoken_ms, now_ms=self._output.now_ms):
            return False
        if before:
            self._throw_away()
        return True

    def take(self, text: str) -> bool:
        """The turn is over with `text`: return whether what was begun answers it; if not it is thrown away."""
        begun, ready_ms = self.running, self._output.made_ms
        saved_ms = self._speculation.settle(text, now_ms=self._output.now_ms, ready_ms=ready_ms)
        if not begun:
            return False
        if saved_ms is None:
            self._throw_away()
            return False
        self._metrics.speculation_hits.inc()
        self._metrics.speculation_saved_ms.inc(saved_ms)
        return True

    def drop(self) -> None:
        """Throw away what was begun, if anything was."""
        if self._speculation.drop():
            self._throw_away()

    def _throw_away(self) -> None:
        self._replies.interrupt()
        wasted, _ = self._output.interrupt()
        self._metrics.speculation_misses.inc()
        self._metrics.speculation_wasted.inc(len(wasted.rest))
