"""Finds what a hypothesis says over and over: a loop of the model, or what was really said so often. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_LONGEST_PERIOD: Final = 64
_SHORTEST_LOOP: Final = 16
"""Tokens. People do say "no no no no" and "zero zero zero"; hardly anybody says one thing for this long."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The same `period` tokens over and over, from `begin` up to `end`, which may be in the middle of a round."""

    begin: int
    period: int
    end: int

    @property
    def rounds(self) -> range:
        """Where each round begins; the last may be cut short."""
        return range(self.begin, self.end, self.period)


def repetitions(tokens: Sequence[int], *, suspect: bool) -> Iterator[Repetition]:
    """Yield what repeats itself in `tokens`, in order: 1 to 64 tokens four times in a row, and 16 tokens at least.

    Three times are enough where it is `suspect`, because the engine came to no end or doubts that anybody spoke.
    """
    times, start = 3 if suspect else 4, 0
    while found := _first(tokens, start, times):
        yield found
        start = found.end


def loop_end(tokens: Sequence[int], *, suspect: bool) -> int | None:
    """Return how many of `tokens` to keep so that what loops is said once; None where nothing loops.

    For engines that tell neither times nor how sure they are. What goes on behind a repetition was no loop: a model
    does not leave one, a person does.
    """
    at_end = (found for found in repetitions(tokens, suspect=suspect) if found.end == len(tokens))
    return next((found.begin + found.period for found in at_end), None)


def _first(tokens: Sequence[int], start: int, times: int) -> Repetition | None:
    """Return the repetition whose first round ends first."""
    periods = range(1, min(_LONGEST_PERIOD, (len(tokens) - start) // times) + 1)
    found = [each for period in periods if (each := _of_period(tokens, start, period, times))]
    return min(found, key=lambda each: each.begin + each.period, default=None)


def _of_period(tokens: Sequence[int], start: int, period: int, times: int) -> Repetition | None:
    needed = max(period * (times - 1), _SHORTEST_LOOP - period)
    run = 0
    for at in range(start + period, len(tokens)):
        run = run + 1 if tokens[at] == tokens[at - period] else 0
        if run == needed:
            end = at + 1
            while end < len(tokens) and tokens[end] == tokens[end - period]:
                end += 1
            return Repetition(at + 1 - run - period, period, end)
    return None
