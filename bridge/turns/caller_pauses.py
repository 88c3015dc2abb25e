"""How long this caller pauses inside a turn: the waits for the end of a turn learn from it. Pure.

The smoothed mean and deviation are those of TCP's round-trip estimate (RFC 6298, section 2).
"""

from dataclasses import dataclass

from bridge.turns.ranges import within


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerPausesRules:
    """How the waits follow the caller's pauses. Times are silence in milliseconds.

    Raises:
        ValueError: a value is out of its range.
    """

    usual_ms: int = 250
    """Pause assumed of a caller who was not heard yet, 0..10000. It is below every wait, so a new caller gets the plain
    waits."""
    keep: float = 0.9
    """Share of the estimate that stays after a pause inside a turn, 0..1: after seven pauses half of it is new.
    LiveKit's dynamic endpointing uses the same factor."""
    keep_mistaken: float = 0.5
    """The same after a turn that was closed although it went on, 0..1: the caller was cut short, so one such pause
    weighs as much as all before it."""
    shortest_ms: int = 200
    """Shorter silences do not count, 0..10000: a stop inside a word lasts up to 0.2 s at the VAD."""
    longest_ms: int = 2000
    """Longer silences do not count, 0..60000: after two seconds a caller begins a new thought."""
    interrupted_ms: int = 1200
    """A turn was closed too early if the caller speaks over the bot's first words within this time after their last
    speech, 0..10000. Nobody hears, understands and answers that fast: 0.5 s of wait and reply leave 0.7 s for it."""
    most_ms: int = 900
    """The waits are not raised above this, 0..10000. With 90 ms for the reply even the slowest caller hears the bot
    within 1.05 s of the end of speech."""

    def __post_init__(self) -> None:
        within(self, 0, 10_000, "usual_ms", "shortest_ms", "interrupted_ms", "most_ms")
        within(self, 0, 60_000, "longest_ms")
        within(self, 0, 1, "keep", "keep_mistaken")


class CallerPauses:
    """An estimate of one caller's pauses."""

    def __init__(self, rules: CallerPausesRules) -> None:
        self._rules = rules
        self._mean_ms, self._deviation_ms = float(rules.usual_ms), 0.0

    @property
    def floor_ms(self) -> int:
        """The shortest wait that suits this caller, 0..`most_ms`: the mean pause plus the mean deviation."""
        return min(self._rules.most_ms, round(self._mean_ms + self._deviation_ms))

    @property
    def mean_ms(self) -> float:
        """The mean pause of this caller, as far as it is known."""
        return self._mean_ms

    def paused(self, pause_ms: int) -> None:
        """Learn from `pause_ms` of silence inside a turn, after which the caller spoke on."""
        self._learn(pause_ms, self._rules.keep)

    def mistaken(self, pause_ms: int) -> None:
        """Learn from a turn that was closed too early, in a pause that lasted `pause_ms`."""
        self._learn(pause_ms, self._rules.keep_mistaken)

    def answered(self) -> None:
        """Note that a turn was closed and answered: the estimate moves back towards the usual pause."""
        self._move(self._rules.usual_ms, self._rules.keep)

    def _learn(self, pause_ms: int, keep: float) -> None:
        if self._rules.shortest_ms <= pause_ms <= self._rules.longest_ms:
            self._move(pause_ms, keep)

    def _move(self, pause_ms: int, keep: float) -> None:
        self._deviation_ms += (1 - keep) * (abs(pause_ms - self._mean_ms) - self._deviation_ms)
        self._mean_ms += (1 - keep) * (pause_ms - self._mean_ms)
