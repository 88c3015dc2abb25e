"""What digits a dictated text may mean: "forty one" is 41, or 40 and 1. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.redaction.number_words import SpokenToken, Vocabulary, vocabulary

LONGEST: Final = 19
"""Digits of the longest reading: ISO/IEC 7812-1 allows an account number no more."""
_MOST_BETWEEN: Final = 6
"""Phrases between two digits of one number: "and then the last four are"."""
_MOST_TIMES: Final = 9


class NumberReadings:
    """The ways to read the numbers of one text."""

    def __init__(self, tokens: Sequence[SpokenToken]) -> None:
        self._tokens = tokens
        self._known: Vocabulary = vocabulary()
        # From the end: which phrases between digits begin at a token, and where the next digits may be.
        self._phrases = [self._phrases_at(at) for at in range(len(tokens))]
        self.digits = [tuple(dict.fromkeys(self._digits_at(at))) for at in range(len(tokens))]
        """By token: digits that may begin there, each with the token behind them."""

    def next(self, at: int) -> Sequence[int]:
        """Return where a number may go on behind its digits that end before the token `at`."""
        if not self._joins(at):
            return ()
        found, newest = [at], {at}
        for _ in range(_MOST_BETWEEN):
            newest = {end for begin in newest for end in self._phrases[begin] if self._joins(end)}
            if not newest:
                break
            found += newest
        return [place for place in dict.fromkeys(found) if self.digits[place]]

    def _joins(self, at: int) -> bool:
        return at < len(self._tokens) and self._tokens[at].joined

    def _word(self, at: int) -> str:
        return self._tokens[at].word if at < len(self._tokens) else ""

    def _next_word(self, at: int) -> str:
        """Return the word at `at`, where it may be of one number with the one before it."""
        return self._tokens[at].word if self._joins(at) else ""

    def _phrase(self, at: int, count: int) -> tuple[str, ...]:
        """Return the `count` words from `at` on, fewer where something stands between them."""
        words = [self._word(at)]
        while len(words) < count and (word := self._next_word(at + len(words))):
            words.append(word)
        return tuple(words)

    def _phrases_at(self, at: int) -> Sequence[int]:
        longest = self._known.starts.get(self._word(at), 0)
        phrase = self._phrase(at, longest) if longest else ()
        return [at + count for count in range(1, len(phrase) + 1) if phrase[:count] in self._known.between]

    # ------------------------------------------------------------ numbers

    def _digits_at(self, at: int) -> Iterator[tuple[str, int]]:
        token = self._tokens[at]
        if token.figures:
            if len(token.word) <= LONGEST:
                yield token.word, at + 1
        elif token.word in self._known.repeats:
            yield from self._repeated(at + 1, self._known.repeats[token.word])
        elif token.word not in self._known.counting:
            return
        for value, end in self._small(at):
            if not token.figures:
                yield str(value), end
            if 1 < value <= _MOST_TIMES and self._next_word(end) in self._known.times:
                yield from self._repeated(end + 1, value)
        if not token.figures or self._next_word(at + 1) in self._known.larger:
            yield from self._larger(at)

    def _small(self, at: int) -> Iterator[tuple[int, int]]:
        """Yield the numbers up to 99 at `at`, and where each ends."""
        word = self._word(at)
        if word.isdecimal():
            if len(word) <= 2:
                yield int(word), at + 1
            return
        longest = self._known.starts.get(word, 0)
        phrase = self._phrase(at, longest) if longest else ()
        for count in range(1, len(phrase) + 1):
            for value in self._known.numbers.get(phrase[:count], ()):
                yield value, at + count
                if value >= 20 and value % 10 == 0:
                    yield from self._with_unit(at + count, value)

    def _with_unit(self, at: int, tens: int) -> Iterator[tuple[int, int]]:
        begin = at + 1 if (self._next_word(at),) in self._known.between else at
        for value in self._known.numbers.get((self._next_word(begin),), ()):
            if 0 < value < 10:
                yield tens + value, begin + 1

    def _larger(self, at: int) -> Iterator[tuple[str, int]]:
        """Yield the numbers from 100 to 9999 at `at`."""
        for value, end in self._hundreds(at):
            yield str(value), end
        starts = [(1, at)] if self._word(at) in self._known.thousand else []
        for thousands, end in (*starts, *self._small(at)):
            if thousands < 10 and (end == at or self._joins(end)) and self._word(end) in self._known.thousand:
                yield str(thousands * 1000), end + 1
                for rest, last in self._rest(end + 1, hundreds=True):
                    yield str(thousands * 1000 + rest), last

    def _hundreds(self, at: int) -> Iterator[tuple[int, int]]:
        starts = [(1, at)] if self._word(at) in self._known.hundreds else []
        for count, end in (*starts, *self._small(at)):
            fixed = self._known.hundreds.get(self._word(end)) if end == at or self._joins(end) else None
            if fixed is None or (fixed and end > at) or not count:
                continue
            value = (fixed or count) * 100
            yield value, end + 1
            for rest, last in self._rest(end + 1):
                yield value + rest, last

    def _rest(self, at: int, *, hundreds: bool = False) -> Iterator[tuple[int, int]]:
        """Yield what follows a hundred, or with `hundreds` a thousand."""
        begin = at + 1 if (self._next_word(at),) in self._known.between else at
        if not self._joins(begin) or self._tokens[begin].figures:
            return
        yield from ((value, end) for value, end in self._small(begin) if value)
        if hundreds:
            yield from ((value, end) for value, end in self._hundreds(begin) if value < 1000)

    def _repeated(self, at: int, times: int) -> Iterator[tuple[str, int]]:
        """Yield "44" for "double four"; an article may stand before the four."""
        for begin in dict.fromkeys((at, at + 1 if self._joins(at) and self._phrases[at] else at)):
            if not self._joins(begin):
                continue
            for value, end in self._small(begin):
                yield str(value) * times, end
