"""Finds where a hypothesis began to loop. Pure."""

from collections.abc import Sequence
from typing import Final

_LONGEST_PERIOD: Final = 64
_SHORTEST_LOOP: Final = 16
"""Tokens. People do say "no no no no" and "zero zero zero"; nobody says one thing for this long."""


def loop_end(tokens: Sequence[int], *, suspect: bool) -> int | None:
    """Return how many of `tokens` to keep so that what loops is said once; None where nothing loops.

    A loop is the same 1 to 64 tokens four times in a row, and 16 tokens at least; three times where it is
    `suspect` already, because the engine came to no end or doubts that anybody spoke.
    """
    times = 3 if suspect else 4
    ends = [_once(tokens, period, times) for period in range(1, min(_LONGEST_PERIOD, len(tokens) // times) + 1)]
    return min((end for end in ends if end is not None), default=None)


def _once(tokens: Sequence[int], period: int, times: int) -> int | None:
    """Return the end of the first round of the first loop of this `period`."""
    needed = max(period * (times - 1), _SHORTEST_LOOP - period)
    run = 0
    for at in range(period, len(tokens)):
        run = run + 1 if tokens[at] == tokens[at - period] else 0
        if run == needed:
            return at + 1 - run
    return None
