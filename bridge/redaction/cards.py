"""Card numbers in a text, in figures and words, by their check digit (Luhn, ISO/IEC 7812-1 annex B). Pure.

Each way to read the text is tried at once: from its end on, for each token, which sums of how many digits may follow.
That takes time that grows with the text and no faster.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.redaction.number_words import SpokenToken
from bridge.redaction.readings import LONGEST, NumberReadings

LEAST: Final = 13
"""Digits: shorter ones are not in use."""
_MOST_OF_A_WORD: Final = 4
"""Digits: "nine times seven" are nine."""
_SUMS: Final = 10
_DOUBLED: Final = [sum(divmod(2 * digit, 10)) for digit in range(10)]
_GROUPS: Final = range(LONGEST + 1)
_EACH: Final = sum(1 << (_SUMS * count) for count in _GROUPS)
"""The lowest bit of each group."""
_ALL: Final = _EACH * ((1 << _SUMS) - 1)
_EVEN: Final = sum(((1 << _SUMS) - 1) << (_SUMS * count) for count in _GROUPS if count % 2 == 0)
_LOW: Final = [_EACH * ((1 << (_SUMS - turn)) - 1) for turn in range(_SUMS)]
_MOST: Final = 1000
"""Numbers of one text: nobody has so many cards, and all behind them is taken for one."""
_NOTHING: Final = 1
"""No digits, whose sum is 0: bit 10 * digits + sum."""


_Way = tuple[str, int, int, int, int | None]
"""Digits, the token behind them, how many and which sum are left, and the token where those are; None: it is whole."""


@dataclass(frozen=True, slots=True)
class CardNumber:
    """One that is in a text, by one of the ways to read it."""

    digits: str
    pieces: Sequence[tuple[int, int]]
    """From which token to which, the end excluded, its digits are; words that are none of it may stand between."""

    @property
    def begin(self) -> int:
        return self.pieces[0][0]

    @property
    def end(self) -> int:
        return self.pieces[-1][1]


def cards(tokens: Sequence[SpokenToken]) -> Iterator[CardNumber]:
    """Yield the numbers in `tokens` that may be a card's, by where they begin: from one place one of each length."""
    if _most_digits(tokens) < LEAST:
        return
    readings = NumberReadings(tokens)
    begun = [0] * (len(tokens) + 1)  # what may follow from this token on
    ended = [_NOTHING] * (len(tokens) + 1)  # what may follow behind digits that end here
    following: list[Sequence[int]] = [()] * (len(tokens) + 1)
    for at in reversed(range(len(tokens))):
        following[at + 1] = readings.next(at + 1)
        for place in following[at + 1]:
            ended[at + 1] |= begun[place]
        for digits, end in readings.digits[at]:
            begun[at] |= _with(digits, ended[end])
    search = _Search(readings, following, begun, ended)
    zeros, found = _zeros(readings), 0
    for begin, sums in enumerate(begun):
        if not sums or zeros[begin] >= LONGEST:
            continue
        for count in range(LONGEST, LEAST - 1, -1):
            if sums >> (_SUMS * count) & 1:
                number = search.number(begin, count)
                if not number.digits.strip("0"):
                    break  # what is shorter is nothing but zeros, too
                found += 1
                yield number
        if found > _MOST:
            yield CardNumber("", [(begin, len(tokens))])
            return


def _zeros(readings: NumberReadings) -> Sequence[int]:
    """Return how many zeros in a row begin at each token."""
    zeros = [0] * (len(readings.digits) + 1)
    for at in reversed(range(len(readings.digits))):
        if readings.digits[at] == (("0", at + 1),):
            zeros[at] = zeros[at + 1] + 1
    return zeros


def _most_digits(tokens: Sequence[SpokenToken]) -> int:
    """Return a bound of the digits in a text: most texts have too few for a search."""
    return sum(len(token.word) if token.figures else _MOST_OF_A_WORD for token in tokens if token.counts)


def _with(digits: str, sums: int) -> int:
    """Return what `sums` are with `digits` before them."""
    for digit in reversed(digits):
        even, odd = sums & _EVEN, sums & ~_EVEN
        sums = (_turned(even, int(digit)) | _turned(odd, _DOUBLED[int(digit)])) << _SUMS & _ALL
    return sums


def _turned(sums: int, by: int) -> int:
    return (sums & _LOW[by]) << by | (sums & ~_LOW[by]) >> (_SUMS - by) if by else sums


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found of one text, by token."""

    readings: NumberReadings
    following: Sequence[Sequence[int]]
    begun: Sequence[int]
    ended: Sequence[int]
    known: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def number(self, begin: int, count: int) -> CardNumber:
        """Return the number of `count` digits that begins at the token `begin`, there is one: the way to read it that
        takes in most of the text."""
        at, left, total, whole, pieces = begin, count, 0, "", []
        while True:
            farthest = self._farthest(at, left, total)
            digits, end, left, total, place = next(
                way for way in self._ways(at, left, total) if self._ends(way) == farthest
            )
            whole += digits
            pieces.append((at, end))
            if place is None:
                return CardNumber(whole, pieces)
            at = place

    def _farthest(self, at: int, left: int, total: int) -> int:
        """Return the token behind the last digit, of the way that goes farthest."""
        key = (at, left, total)
        if key not in self.known:
            found = 0
            for way in self._ways(at, left, total):
                found = max(found, self._ends(way))
            self.known[key] = found
        return self.known[key]

    def _ends(self, way: _Way) -> int:
        _, end, left, total, place = way
        return end if place is None else self._farthest(place, left, total)

    def _ways(self, at: int, left: int, total: int) -> Iterator[_Way]:
        for digits, end, needed in self._steps(at, left, total):
            rest = left - len(digits)
            if not rest and not needed:
                yield digits, end, rest, needed, None
            else:
                for place in self.following[end]:
                    if self.begun[place] >> (_SUMS * rest + needed) & 1:
                        yield digits, end, rest, needed, place

    def _steps(self, at: int, left: int, total: int) -> Iterator[tuple[str, int, int]]:
        """Yield digits at the token `at` behind which `left`, less those, come to what is needed then."""
        for digits, end in self.readings.digits[at]:
            rest = left - len(digits)
            needed = (total - _sum(digits, rest)) % _SUMS
            if rest >= 0 and self.ended[end] >> (_SUMS * rest + needed) & 1:
                yield digits, end, needed


def _sum(digits: str, behind: int) -> int:
    """Return what `digits` add to the sum, with `behind` others behind them."""
    places = range(behind + len(digits) - 1, behind - 1, -1)
    return sum(_DOUBLED[int(d)] if place % 2 else int(d) for d, place in zip(digits, places, strict=True))
