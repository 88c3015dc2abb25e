"""The pauses this caller makes and speaks on after: what the waits learn from. Pure.

The smoothed mean and deviation are those of TCP's round-trip estimate (RFC 6298, section 2).
"""

from dataclasses import dataclass

from bridge.turns.ranges import within


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPausesRules:
    """How waits follow the caller. Milliseconds of silence unless said otherwise."""

    usual_ms: int = 250
    """Length of a pause of a caller nobody has heard yet, 0..10000. Below every wait, so that a new caller is given
    the plain waits."""
    keep: float = 0.9
    """Share of the estimate that a pause inside a turn leaves as it was, 0..1: half of it is new after seven pauses.
    LiveKit's dynamic endpointing uses the same factor."""
    keep_mistaken: float = 0.5
    """The same for a turn that went on after it was closed, 0..1: the caller was cut short, so one such pause weighs
    as much as all before it."""
    shortest_ms: int = 200
    """Shorter silences are not counted, 0..10000: stops inside words last up to 0.2 s at the VAD."""
    longest_ms: int = 2000
    """Longer ones are not counted, 0..60000: who returns after two seconds begins a new thought."""
    interrupted_ms: int = 1200
    """Speech so soon after the last, over the bot's first words, means that the turn was closed too early, 0..10000.
    Nobody hears, understands and answers that fast: 0.5 s of wait and reply leave 0.7 s for it."""
    most_ms: int = 900
    """The waits are not raised beyond this, 0..10000: with 90 ms of reply it keeps first audio within 1.05 s of the
    end of speech for the slowest caller."""

    def __post_init__(self) -> None:
        within(self, 0, 10_000, "usual_ms", "shortest_ms", "interrupted_ms", "most_ms")
        within(self, 0, 60_000, "longest_ms")
        within(self, 0, 1, "keep", "keep_mistaken")


class CallerPauses:
    """One caller's pauses."""

    def __init__(self, rules: CallerPausesRules) -> None:
        self._rules = rules
        self._mean_ms, self._deviation_ms = float(rules.usual_ms), 0.0

    @property
    def floor_ms(self) -> int:
        """The least wait that suits this caller: the mean of the pauses plus their mean deviation."""
        return min(self._rules.most_ms, round(self._mean_ms + self._deviation_ms))

    def paused(self, pause_ms: int) -> None:
        """The caller was silent for so long inside a turn and spoke on."""
        self._learn(pause_ms, self._rules.keep)

    def mistaken(self, pause_ms: int) -> None:
        """The turn was closed in a pause that turned out to be so long, before the bot was heard."""
        self._learn(pause_ms, self._rules.keep_mistaken)

    def answered(self) -> None:
        """A turn was closed and answered: the estimate drifts back to the usual pause."""
        self._move(self._rules.usual_ms, self._rules.keep)

    def _learn(self, pause_ms: int, keep: float) -> None:
        if self._rules.shortest_ms <= pause_ms <= self._rules.longest_ms:
            self._move(pause_ms, keep)

    def _move(self, pause_ms: int, keep: float) -> None:
        self._deviation_ms += (1 - keep) * (abs(pause_ms - self._mean_ms) - self._deviation_ms)
        self._mean_ms += (1 - keep) * (pause_ms - self._mean_ms)
