"""Whether a reply is begun before the caller's turn is over, and whether it is used then. Pure."""

from dataclasses import dataclass

from bridge.speech.stability import words
from bridge.turns.ranges import within


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationRules:
    """When a reply is begun ahead.

    Raises:
        ValueError: a value is out of its range.
    """

    probability: float = 0.5
    """P(end of turn) from which a reply is begun, 0..1. By its text a finished sentence has 0.9, an open one 0.3."""
    attempts: int = 3
    """Most replies begun ahead in one turn, 0..20. LiveKit's limit: who pauses a fourth time pauses a fifth time."""
    longest_speech_ms: int = 10_000
    """No reply is begun once the caller has spoken longer, milliseconds, 0..600000. LiveKit's limit: a long story has
    many likely ends."""

    def __post_init__(self) -> None:
        within(self, 0, 1, "probability")
        within(self, 0, 20, "attempts")
        within(self, 0, 600_000, "longest_speech_ms")


class Speculation:
    """Decides for one call, turn after turn, which reply is begun ahead.

    propose -> (True: begin a reply) ... -> settle
    """

    def __init__(self, rules: SpeculationRules) -> None:
        self._rules = rules
        self._attempts = 0  # in this turn
        self._words: list[str] | None = None  # the reply begun is to these
        self._begun_ms = 0

    @property
    def running(self) -> bool:
        """True while a reply is begun ahead and not heard."""
        return self._words is not None

    def propose(self, text: str, *, spoken_ms: int, now_ms: int) -> bool:
        """Return whether to begin a reply to `text`, with which the turn may be over, instead of any begun before.

        `spoken_ms`: how long the caller has spoken in this turn. `text` is compared without case and punctuation.
        """
        proposed, rules = words(text), self._rules
        if not proposed or proposed == self._words:
            return False
        if self._attempts >= rules.attempts or spoken_ms > rules.longest_speech_ms:
            return False
        self._attempts += 1
        self._words, self._begun_ms = proposed, now_ms
        return True

    def drop(self) -> bool:
        """Give up the reply that was begun; return whether there was one."""
        begun, self._words = self.running, None
        return begun

    def settle(self, text: str, *, now_ms: int, ready_ms: int | None) -> int | None:
        """Close the turn with `text`; return the milliseconds saved, None where no reply was begun for these words.

        `ready_ms`: when the first audio of the reply was made, None if it is not made yet.
        """
        fits = self.running and words(text) == self._words
        self._words, self._attempts = None, 0
        return max(0, min(now_ms, ready_ms if ready_ms is not None else now_ms) - self._begun_ms) if fits else None
