"""Who holds the floor: when a caller's utterance begins, pauses, goes on and is over. Pure: time is an argument.

SILENT -speech-> CANDIDATE -`min_speech_ms` of it-> SPEAKING <-> PAUSED -silence that is long enough-> SILENT

Silence is long enough after `endpoint_ms` or, in a conversation, after the wait of endpointing.py.

An utterance that grows too long is cut, at a pause if there is one. The next begins where it ended; both belong to one
turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from bridge.turns.endpointing import Endpointing

_CUT_AT_A_PAUSE: Final = 2 / 3
"""From this share of the allowed length on, `pause_ms` of silence cut the utterance: mostly between two phrases."""
_CUT_AT_A_DIP: Final = 9 / 10
"""From this share on, one window without speech does: the gap between two words, or the closure of a stop."""


@dataclass(frozen=True, slots=True)
class TurnRules:
    """When speech begins and ends an utterance. Times are milliseconds, probabilities 0..1."""

    threshold: float = 0.5
    """P(speech) at which silence becomes speech."""
    hysteresis: float = 0.15
    """Speech lasts until P falls this far below `threshold` (Silero's own margin)."""
    min_speech_ms: int = 300
    """Speech that makes an utterance; shorter bursts are noise."""
    pause_ms: int = 128
    """Silence after which the utterance may be over and its final is worth decoding; `Endpointing` may ask for less."""
    endpoint_ms: int = 800
    """Silence after which the utterance is over, where there is no `Endpointing`."""
    max_utterance_ms: int = 28_000
    """Longest utterance: it is cut even inside a word, as recognisers take 30 s at most. See `Cut`."""


@dataclass(frozen=True, slots=True)
class Began:
    """An utterance began at `onset_ms`."""

    onset_ms: int
    speech_ms: int
    """Speech since the onset, without gaps."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The utterance may be over."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The utterance goes on."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The utterance is too long: it ends and the next begins at `at_ms`. The turn goes on."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """The utterance and the turn are over."""

    at_ms: int
    speech_end_ms: int


TurnEvent = Began | Paused | Resumed | Cut | Over


class FloorState(Enum):
    """What the caller is doing."""

    SILENT = auto()
    CANDIDATE = auto()  # speech that may still be a noise
    SPEAKING = auto()
    PAUSED = auto()


class TurnTaker:
    """Follows one call, one VAD window at a time."""

    def __init__(self, rules: TurnRules, endpointing: Endpointing | None = None) -> None:
        """`endpointing` is told of pauses and asked for their waits; who makes it calls its `began` and the rest."""
        self.state = FloorState.SILENT
        self.speech = False
        """True if the newest window held speech, after hysteresis."""
        self._rules, self._endpointing = rules, endpointing
        self._onset_ms = 0  # of the utterance or candidate; meaningless while SILENT
        self._speech_ms = 0  # speech in the candidate
        self._speech_end_ms = 0  # end of the newest window that held speech

    def hear(self, probability: float, *, from_ms: int, to_ms: int) -> TurnEvent | None:
        """Take the VAD window `from_ms`..`to_ms` of media time; return what it changed, None if nothing.

        `probability`: P(speech), 0..1.
        """
        rules = self._rules
        self.speech = probability >= rules.threshold - (rules.hysteresis if self.speech else 0.0)
        if self.speech:
            self._speech_end_ms = to_ms
        silence_ms = to_ms - self._speech_end_ms
        match self.state:
            case FloorState.SILENT:
                if not self.speech:
                    return None
                self.state, self._onset_ms, self._speech_ms = FloorState.CANDIDATE, from_ms, 0
                return self._grow(from_ms, to_ms)
            case FloorState.CANDIDATE:
                if self.speech:
                    return self._grow(from_ms, to_ms)
                if silence_ms >= rules.pause_ms:
                    self.state = FloorState.SILENT
            case FloorState.SPEAKING | FloorState.PAUSED:
                return self._follow(silence_ms, from_ms, to_ms)
        return None

    def flush(self, at_ms: int) -> Sequence[TurnEvent]:
        """End the utterance now, a candidate too; return what changed. The client asked for it, or the call is over."""
        match self.state:
            case FloorState.SILENT:
                return ()
            case FloorState.CANDIDATE:
                return Began(self._onset_ms, self._speech_ms), self._over(at_ms)
            case _:
                return (self._over(at_ms),)

    def _grow(self, from_ms: int, to_ms: int) -> TurnEvent | None:
        self._speech_ms += to_ms - from_ms
        if self._speech_ms < self._rules.min_speech_ms:
            return None
        self.state = FloorState.SPEAKING
        return Began(self._onset_ms, self._speech_ms)

    def _follow(self, silence_ms: int, from_ms: int, to_ms: int) -> TurnEvent | None:
        """Return what the window changed that ends `silence_ms` after the newest speech."""
        if not self.speech and silence_ms >= self._wait_ms:
            return self._over(to_ms)
        if self._too_long(silence_ms, to_ms):
            return self._cut(to_ms)
        if self.state is FloorState.SPEAKING and silence_ms >= self._pause_ms(to_ms):
            return self._pause(to_ms)
        if self.state is FloorState.PAUSED and self.speech:
            return self._resume(from_ms)
        return None

    @property
    def _wait_ms(self) -> int:
        return self._endpointing.wait_ms if self._endpointing else self._rules.endpoint_ms

    def _pause_ms(self, at_ms: int) -> int:
        pause_ms = self._rules.pause_ms
        return min(pause_ms, self._endpointing.stop_ms(at_ms - self._onset_ms)) if self._endpointing else pause_ms

    def _pause(self, at_ms: int) -> Paused:
        self.state = FloorState.PAUSED
        if self._endpointing:
            self._endpointing.paused(self._speech_end_ms)
        return Paused(at_ms)

    def _resume(self, at_ms: int) -> Resumed:
        self.state = FloorState.SPEAKING
        if self._endpointing:
            self._endpointing.resumed(at_ms)
        return Resumed(at_ms)

    def _cut(self, at_ms: int) -> Cut:
        if self.state is FloorState.SPEAKING and not self.speech:
            self._pause(at_ms)
        elif self.state is FloorState.PAUSED and self.speech:
            self._resume(at_ms)
        self._onset_ms = at_ms
        return Cut(at_ms)

    def _too_long(self, silence_ms: int, to_ms: int) -> bool:
        length_ms, limit_ms = to_ms - self._onset_ms, self._rules.max_utterance_ms
        if self._speech_end_ms <= self._onset_ms:  # nothing was said since the last cut
            return False
        if silence_ms >= self._rules.pause_ms and length_ms >= limit_ms * _CUT_AT_A_PAUSE:
            return True
        return length_ms >= limit_ms * (1 if self.speech else _CUT_AT_A_DIP)

    def _over(self, at_ms: int) -> Over:
        self.state, self.speech = FloorState.SILENT, False
        if self._endpointing:
            self._endpointing.closed(self._speech_end_ms)
        return Over(at_ms, self._speech_end_ms)
