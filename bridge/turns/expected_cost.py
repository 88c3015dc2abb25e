"""The wait that costs least: a late answer costs its milliseconds, a caller cut short what that is worth. Pure."""

import math
from dataclasses import dataclass
from typing import Final

from bridge.turns.ranges import within

_WINDOW_MS: Final = 32
"""Waits end with a window of the VAD."""
_REPLY_MS: Final = 30
"""From the close of a turn to the bot's first sound, where the reply was begun ahead: nobody is cut short later."""
_SPREAD: Final = 0.7
"""Standard deviation of the logarithm of pauses inside turns, as docs/turns.md assumes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRules:
    """Between which waits the cheapest is looked for, and how long pauses are taken to last. Milliseconds.

    Raises:
        ValueError: a value is out of its range.
    """

    least_ms: int = 320
    """Shortest wait, 100..10000. Nothing tells a breath between two sentences from an end: with 288 ms 2 of 146
    recordings were cut in one, with 320 ms 1."""
    most_ms: int = 736
    """Longest wait, 100..10000: it survives a pause of 0.8 s."""
    pause_ms: int = 450
    """Middle pause inside a turn, 1..10000; that of a caller whose own are longer counts instead."""

    def __post_init__(self) -> None:
        within(self, 100, 10_000, "least_ms", "most_ms")
        within(self, 1, 10_000, "pause_ms")


def cheapest_wait_ms(probability: float, *, cut_ms: int, rules: CostRules, own_pause_ms: float = 0) -> int:
    """Return the wait of least `cut_ms` x P(cut short) + P(end) x wait, from `least_ms` to `most_ms` of `rules`.

    Args:
        probability: P(the caller is done), 0..1.
        cut_ms: what a caller cut short is worth in milliseconds of waiting.
        own_pause_ms: this caller's mean pause inside a turn, as far as it is known.
    """
    middle_ms = max(rules.pause_ms, own_pause_ms)

    def cost(wait_ms: int) -> float:
        heard_ms = wait_ms + _REPLY_MS
        return cut_ms * (1 - probability) * share_longer(heard_ms, middle_ms=middle_ms) + probability * heard_ms

    return min(range(rules.least_ms, max(rules.least_ms, rules.most_ms) + 1, _WINDOW_MS), key=cost)


def share_longer(ms: float, *, middle_ms: float) -> float:
    """Return the share of pauses inside turns that are longer than `ms`: they are log-normal around `middle_ms`."""
    return 0.5 - 0.5 * math.erf(math.log(max(1.0, ms) / middle_ms) / (_SPREAD * math.sqrt(2)))
