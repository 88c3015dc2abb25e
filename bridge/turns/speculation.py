"""Whether a reply may be begun before the caller's turn is over, and whether it is the one to give then. Pure."""

from dataclasses import dataclass

from bridge.speech.stability import words


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationRules:
    probability: float = 0.5
    """P(end of turn) from which a reply is begun, 0..1. A finished sentence has 0.9 by its text, an open one 0.3."""
    attempts: int = 3
    """Replies begun ahead in one turn, 0..20; 0 is none. LiveKit's cap: who pauses a fourth time does so a fifth."""
    longest_speech_ms: int = 10_000
    """None is begun once the caller has spoken so long, 0..600000. LiveKit's cap: long stories have many ends."""

    def __post_init__(self) -> None:
        for name, most in (("probability", 1), ("attempts", 20), ("longest_speech_ms", 600_000)):
            if not 0 <= (value := getattr(self, name)) <= most:
                raise ValueError(f"{name} is {value}, must be from 0 to {most}")


class Speculation:
    """The bets of one call, one turn after the other.

    propose -> (True: begin a reply) ... -> settle
    """

    def __init__(self, rules: SpeculationRules) -> None:
        self._rules = rules
        self._attempts = 0  # in this turn
        self._words: list[str] | None = None  # the reply begun is to these
        self._begun_ms = 0

    @property
    def running(self) -> bool:
        """True while a reply is begun that nobody may hear yet."""
        return self._words is not None

    def propose(self, text: str, *, spoken_ms: int, now_ms: int) -> bool:
        """The turn may be over with `text`: return whether a reply to it is to be begun, instead of one begun before.

        `spoken_ms`: how long the caller has spoken in this turn. The words decide, not how they are written.
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
        """Give up what was begun; return whether there was something."""
        begun, self._words = self.running, None
        return begun

    def settle(self, text: str, *, now_ms: int, ready_ms: int | None) -> int | None:
        """The turn is over with `text`: return the milliseconds that were saved, None where nothing begun fits it.

        `ready_ms`: when the first audio of the reply was there, None if it is not yet.
        """
        fits = self.running and words(text) == self._words
        self._words, self._attempts = None, 0
        return max(0, min(now_ms, ready_ms if ready_ms is not None else now_ms) - self._begun_ms) if fits else None
