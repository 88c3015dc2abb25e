"""Numbers at the begin and the end of what was said: each may be a part of one that goes on elsewhere. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from bridge.redaction.number_words import SpokenToken, tokens, vocabulary


def edges(text: str) -> Iterator[tuple[int, int]]:
    """Yield from which character to which `text` begins, or ends, with a number; words such as "and then" may stand
    before it and behind it."""
    found = tokens(text)
    yield from _numbers(_up_to_a_break(found, range(len(found))))
    yield from _numbers(_up_to_a_break(found, range(len(found) - 1, -1, -1)))


def _numbers(found: Iterable[SpokenToken]) -> Iterator[tuple[int, int]]:
    counting = [token for token in found if token.counts]
    if counting:
        yield min(token.begin for token in counting), max(token.end for token in counting)


def _up_to_a_break(found: Sequence[SpokenToken], places: Sequence[int]) -> Iterator[SpokenToken]:
    """Yield the tokens at `places` in a row, up to one that is of no number."""
    forward = len(places) > 1 and places[1] > places[0]
    for place in places:
        token = found[place]
        if not token.counts and token.word not in _fillers():
            return
        if forward and place and not token.joined:
            return
        yield token
        if not forward and not token.joined:
            return


@cache
def _fillers() -> frozenset[str]:
    return frozenset(word for phrase in vocabulary().between for word in phrase)
