"""Card numbers that are said in several utterances: the first ends in the middle of the number. Pure.

What was handed on of the first is amended once the number is whole.
"""

from bisect import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Final, Generic, TypeVar

from bridge.redaction.cards import CardNumber, cards
from bridge.redaction.issuers import is_issued
from bridge.redaction.number_words import SpokenToken, tokens
from bridge.redaction.redactor import Redactor, merged

Key = TypeVar("Key")

_MOST_PARTS: Final = 24
"""Utterances with figures that are looked at together: a card has 19 digits, and some are said twice."""
_TAIL_CHARS: Final = 400
"""Of an earlier utterance, what a number that goes on in the next one may lie in."""
_SIGN: Final = "\n"
"""Stands between two utterances: a sign as others, so that a number may go on behind it."""


@dataclass(slots=True)
class DictatedPart(Generic[Key]):
    """One utterance of a dictation."""

    key: Key
    """Names it for who handed it in."""
    text: str
    """As it was said, but for what is no number."""
    at_s: float
    cards: list[tuple[int, int]] = field(default_factory=list)
    """From which character to which numbers of cards are in it, in order."""


class Dictation(Generic[Key]):
    """What one speaker of one call has said so far, as far as a number may be in it."""

    def __init__(self, redactor: Redactor, *, longest_gap_s: float) -> None:
        """`longest_gap_s`: what was said so much earlier is no part of the same number."""
        self._redactor, self._longest_gap_s = redactor, longest_gap_s
        self._parts: deque[DictatedPart[Key]] = deque(maxlen=_MOST_PARTS)

    def add(self, key: Key, text: str, at_s: float) -> Sequence[DictatedPart[Key]]:
        """Take the next utterance; return it, and before it the earlier ones of which a number now is known to be a
        card's. `at_s`: by any clock that never goes back."""
        part = DictatedPart(key, self._redactor.before_cards(text), at_s)
        if not self._redactor.takes_cards:
            return [part]
        if self._parts and at_s - self._parts[-1].at_s > self._longest_gap_s:
            self._parts.clear()
        earlier = [*self._parts]
        amended = [known for known, more in self._found(earlier, part) if known is not part and more]
        if any(token.counts for token in tokens(part.text)):
            self._parts.append(part)
        return [*amended, part]

    @property
    def keys(self) -> Iterable[Key]:
        """Of the utterances from which a number may go on."""
        return (part.key for part in self._parts)

    def redacted(self, part: DictatedPart[Key]) -> str:
        """Return what is kept of `part`."""
        return self._redactor.without(part.text, part.cards)

    def _found(
        self, earlier: Sequence[DictatedPart[Key]], part: DictatedPart[Key]
    ) -> Iterator[tuple[DictatedPart[Key], bool]]:
        """Note in each part the cards that are in it; yield each, and whether there are more than before."""
        parts = [*earlier, part]
        cut = [max(0, len(known.text) - _TAIL_CHARS) for known in earlier] + [0]
        texts = [known.text[at:] for known, at in zip(parts, cut, strict=True)]
        begins = list(accumulate((len(text) + len(_SIGN) for text in texts), initial=0))
        found = tokens(_SIGN.join(texts))
        parts_of = [bisect(begins, token.begin) - 1 for token in found]
        now: list[list[tuple[int, int]]] = [[] for _ in parts]
        for number in cards(found):
            if _is_likely(number, found, parts_of):
                for place, pieces in groupby(number.pieces, lambda piece: parts_of[piece[0]]):
                    within = list(pieces)
                    shift = cut[place] - begins[place]
                    now[place].append((found[within[0][0]].begin + shift, found[within[-1][1] - 1].end + shift))
        for known, new in zip(parts, now, strict=True):
            before = known.cards
            known.cards = merged([*before, *new])
            yield known, known.cards != before


def _is_likely(number: CardNumber, found: Sequence[SpokenToken], parts_of: Sequence[int]) -> bool:
    """Return whether it is no chance. In several utterances other numbers may follow one another: there, one is a
    card's that is all of the digits in a row, or that begins as cards do."""
    first, last = number.begin, number.end - 1
    if parts_of[first] == parts_of[last]:
        return True
    before = first > 0 and found[first].joined and found[first - 1].counts and parts_of[first - 1] == parts_of[first]
    behind = last + 1 < len(found) and found[last + 1].joined and found[last + 1].counts
    behind = behind and parts_of[last + 1] == parts_of[last]
    return not (before or behind) or is_issued(number.digits)
