"""Numbers as they are dictated: the words of all languages that callers are spoken to in, from number_words.toml. Pure.

They are one vocabulary: a caller mixes languages, and the recogniser may take one for another.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

_MARKS: Final = "\u00ad\u0300-\u036f\u0900-\u0963\u0970-\u097f\u200b-\u200d'\u2019"
"""What is inside of words besides letters: a soft hyphen, accents, Hindi's vowels, joiners, an apostrophe."""
_TOKEN: Final = re.compile(rf"\d+|[^\W\d_](?:[^\W\d_]|[{_MARKS}])*+")
_UNSPOKEN: Final = re.compile("[\u00ad\u0300-\u036f\u093c\u200b-\u200d'\u2019]")
_SEPARATORS: Final = re.compile(
    r"[\s.,;!?\u2026/\\()\[\]\"'\u2018-\u201e\u00ab\u00bb\u00b7*#_|~\u0964\u2010-\u2015-]{0,8}"
)
_COLON: Final = re.compile(r"\s?:\s?")
"""Between figures it is a time of day."""
_DATE: Final = re.compile(
    r"(?<![\d./-])(?:\d{1,2}([./-])\d{1,2}\1(?:19|20)\d\d|(?:19|20)\d\d-\d\d-\d\d)(?!\d|[./-]\d|[ ]?[/-][ ]?\d)"
)
_SHORTEST_JOINED: Final = 6
_LONGEST_WORD: Final = 60


@dataclass(frozen=True, slots=True)
class SpokenToken:
    """Figures or a word of a text."""

    begin: int
    end: int
    word: str
    """As the vocabulary has it; of figures 0-9 alone."""
    joined: bool
    """Nothing but signs stands between it and the one before: both may be of one number."""

    @property
    def figures(self) -> bool:
        return self.word.isdecimal()

    @property
    def counts(self) -> bool:
        """It may be digits of a number."""
        return self.figures or self.word in vocabulary().counting


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """By a phrase, its words in a tuple."""

    numbers: dict[tuple[str, ...], frozenset[int]]
    """0 to 99."""
    hundreds: dict[str, int]
    """How many; 0: as many as the word before says, else one."""
    thousand: frozenset[str]
    repeats: dict[str, int]
    times: frozenset[str]
    between: frozenset[tuple[str, ...]]
    starts: dict[str, int]
    """First words of the phrases of `numbers` and `between`: how many words the longest has."""
    parts: frozenset[str]
    """Words that other words are made of: "vierhundertelf"."""
    larger: frozenset[str]
    """Words that make more of the number before them."""
    counting: frozenset[str]
    """Words with which a number begins."""


def normal(word: str) -> str:
    """Return `word` as the vocabulary has it: no capitals, no accents."""
    if word.isascii():
        return word.lower().replace("'", "")
    return _UNSPOKEN.sub("", unicodedata.normalize("NFKD", word.casefold())).replace("\u0901", "\u0902")


@cache
def vocabulary() -> Vocabulary:
    """Return the words of all languages."""
    numbers: dict[tuple[str, ...], set[int]] = {}
    hundreds: dict[str, int] = {}
    thousand: set[str] = set()
    repeats: dict[str, int] = {}
    times: set[str] = set()
    between: set[tuple[str, ...]] = set()
    for words in tomllib.loads(files("bridge.redaction").joinpath("number_words.toml").read_text("utf-8")).values():
        for value, phrase in enumerate(_phrases(words["numbers"])):
            numbers.setdefault(phrase, set()).add(value)
        for word, value in _valued(words["also"]):
            numbers.setdefault(_phrase(word), set()).add(value)
        hundreds |= {word: 0 for (word,) in _phrases(words["hundred"])}
        hundreds |= {normal(word): value for word, value in _valued(words["hundreds"])}
        thousand |= {word for (word,) in _phrases(words["thousand"])}
        repeats |= {normal(word): value for word, value in _valued(words["repeats"])}
        times |= {word for (word,) in _phrases(words["times"])}
        between |= set(_phrases(words["between"]))
    starts: dict[str, int] = {}
    for phrase in (*numbers, *between):
        starts[phrase[0]] = max(starts.get(phrase[0], 0), len(phrase))
    larger = hundreds.keys() | thousand
    parts = {phrase[0] for phrase in numbers if len(phrase) == 1} | larger | repeats.keys()
    return Vocabulary(
        {phrase: frozenset(values) for phrase, values in numbers.items()},
        hundreds,
        frozenset(thousand),
        repeats,
        frozenset(times),
        frozenset(between),
        starts,
        frozenset(parts),
        frozenset(larger),
        frozenset({phrase[0] for phrase in numbers} | parts | times),
    )


def tokens(text: str) -> list[SpokenToken]:
    """Return the figures and words of `text` in order. Words that are made of several numbers come as those."""
    dates = [match.span() for match in _DATE.finditer(text)]
    found: list[SpokenToken] = []
    end, after_figures = 0, False
    for match in _TOKEN.finditer(text):
        begin, figures = match.start(), match[0][0].isdecimal()
        gap = text[end:begin]
        joined = bool(found) and (
            _SEPARATORS.fullmatch(gap) is not None or (not (figures and after_figures) and bool(_COLON.fullmatch(gap)))
        )
        end, after_figures = match.end(), figures
        if figures and any(first <= begin < last for first, last in dates):
            found.append(SpokenToken(begin, end, "", joined=False))  # a day: no part of another number
        elif figures:
            found.append(SpokenToken(begin, end, _ascii(match[0]), joined))
        else:
            for word in _parts(normal(match[0])):
                found.append(SpokenToken(begin, end, word, joined))
                joined = True
    return found


def _ascii(figures: str) -> str:
    return figures if figures.isascii() else "".join(str(int(figure)) for figure in figures)


@lru_cache(maxsize=4096)
def _parts(word: str) -> Sequence[str]:
    """Return `word`, or the numbers that it is made of."""
    known = vocabulary()
    if word in known.starts or word in known.parts or not _SHORTEST_JOINED <= len(word) <= _LONGEST_WORD:
        return [word]
    ways: list[list[str] | None] = [None] * len(word) + [[]]
    for at in reversed(range(len(word))):
        for end in range(len(word), at, -1):
            rest = ways[end]
            if rest is not None and word[at:end] in known.parts:
                ways[at] = [word[at:end], *rest]
                break
    return ways[0] or [word]


def _phrases(words: str) -> Iterator[tuple[str, ...]]:
    return map(_phrase, words.split())


def _phrase(words: str) -> tuple[str, ...]:
    return tuple(normal(word) for word in words.split("-"))


def _valued(pairs: str) -> Iterator[tuple[str, int]]:
    for pair in pairs.split():
        word, value = pair.split(":")
        yield word, int(value)
