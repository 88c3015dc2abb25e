"""Who holds the floor: when a caller's utterance begins, pauses, goes on and is over. Pure: time is an argument.

SILENT -speech-> CANDIDATE -`min_speech_ms` of it-> SPEAKING <-> PAUSED -`endpoint_ms` of silence-> SILENT
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class TurnRules:
    threshold: float = 0.5
    """P(speech) at which silence becomes speech."""
    hysteresis: float = 0.15
    """Speech lasts until P falls this far below `threshold` (Silero's own margin)."""
    min_speech_ms: int = 300
    """Speech before an utterance counts; shorter bursts are noise."""
    pause_ms: int = 128
    """Silence after which the utterance may be over and its final is worth decoding."""
    endpoint_ms: int = 800
    """Silence after which it is over."""
    max_utterance_ms: int = 28_000
    """An utterance ends here even in the middle of a word: recognisers take 30 s at most."""


@dataclass(frozen=True, slots=True)
class Began:
    onset_ms: int


@dataclass(frozen=True, slots=True)
class Paused:
    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    at_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    at_ms: int
    speech_end_ms: int


TurnEvent = Began | Paused | Resumed | Over


class State(Enum):
    SILENT = auto()
    CANDIDATE = auto()
    SPEAKING = auto()
    PAUSED = auto()


class TurnTaker:
    """The endpointing of one call, one VAD window at a time."""

    def __init__(self, rules: TurnRules) -> None:
        self.state = State.SILENT
        self._rules = rules
        self._speech = False  # the newest window, after hysteresis
        self._onset_ms = 0  # of the utterance or candidate; meaningless while SILENT
        self._speech_ms = 0  # speech in the candidate
        self._speech_end_ms = 0  # end of the newest window that held speech

    def hear(self, probability: float, *, from_ms: int, to_ms: int) -> TurnEvent | None:
        """Observe the VAD window `from_ms`..`to_ms` of media time; return what it changed."""
        rules = self._rules
        self._speech = probability >= rules.threshold - (rules.hysteresis if self._speech else 0.0)
        if self._speech:
            self._speech_end_ms = to_ms
        silence_ms = to_ms - self._speech_end_ms
        match self.state:
            case State.SILENT:
                if not self._speech:
                    return None
                self.state, self._onset_ms, self._speech_ms = State.CANDIDATE, from_ms, 0
                return self._grow(from_ms, to_ms)
            case State.CANDIDATE:
                if self._speech:
                    return self._grow(from_ms, to_ms)
                if silence_ms >= rules.pause_ms:
                    self.state = State.SILENT
            case State.SPEAKING:
                if self._too_long(to_ms) or silence_ms >= rules.endpoint_ms:
                    return self._over(to_ms)
                if silence_ms >= rules.pause_ms:
                    self.state = State.PAUSED
                    return Paused(to_ms)
            case State.PAUSED:
                if self._speech:
                    self.state = State.SPEAKING
                    return Resumed(from_ms)
                if silence_ms >= rules.endpoint_ms:
                    return self._over(to_ms)
        return None

    def flush(self, at_ms: int) -> Sequence[TurnEvent]:
        """End what is pending now, a candidate too: the client asked for it or the call is over."""
        match self.state:
            case State.SILENT:
                return ()
            case State.CANDIDATE:
                return Began(self._onset_ms), self._over(at_ms)
            case _:
                return (self._over(at_ms),)

    def _grow(self, from_ms: int, to_ms: int) -> TurnEvent | None:
        self._speech_ms += to_ms - from_ms
        if self._speech_ms < self._rules.min_speech_ms:
            return None
        self.state = State.SPEAKING
        return Began(self._onset_ms)

    def _too_long(self, to_ms: int) -> bool:
        """True at the first breath in the last fifth of the allowed length, at the latest at its end."""
        length_ms, limit_ms = to_ms - self._onset_ms, self._rules.max_utterance_ms
        return length_ms >= limit_ms or (not self._speech and length_ms >= limit_ms * 4 // 5)

    def _over(self, at_ms: int) -> Over:
        self.state, self._speech = State.SILENT, False
        return Over(at_ms, self._speech_end_ms)
