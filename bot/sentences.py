"""Cuts text that is still being written into sentences, each as soon as it is whole.

What is cut depends on the characters alone, never on how they were split into fragments: a model that
writes letter by letter is spoken like one that answers with a paragraph.
"""

# ruff: noqa: RUF001 - the punctuation of many scripts is what this module is about
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

LONGEST: Final = 200
"""Characters of the longest sentence given out: about 13 s of speech."""
EARLY: Final = 40
"""Characters after which the first sentence of a reply may end at a clause, so that the caller hears something."""
_WINDOW: Final = LONGEST + 1
"""Characters that decide on a sentence: its own and the next."""

_DOTS = ".!?…．‼⁇⁈⁉"
"""End a sentence before white space only: "3.5", "a.b/?c=d"."""
_STOPS = "。！？｡।॥۔؟։።፧။།"
"""End a sentence wherever they stand: scripts that put no space behind them, or use them for nothing else."""
_CLOSERS = "\"'”’»›)\\]}」』】）*_"
_STOP_SET = frozenset(_STOPS)
_OPENERS = "\"'“‘«‹([{¿¡*_"
_NEWLINES = "\n\r\v\f\x85\u2028\u2029"
_END = re.compile(
    rf"(?P<line>[{_NEWLINES}])"
    rf"|(?P<marks>[{_DOTS}{_STOPS}][{_DOTS}{_STOPS}{_CLOSERS}]*+)"
    rf"|[,;:][{_CLOSERS}]*+(?=\s)|[，、；：،؛—]|(?<=\s)[-–](?=\s)"
)
_NEXT = re.compile(rf"[^\S{_NEWLINES}]*(?P<next>\S|[{_NEWLINES}])")

_NEVER_LAST = frozenset(
    """
    mr mrs ms mx dr prof rev hon st mt gen col maj capt lt sgt sen rep gov pres sra dra srta mme mlle messrs smt
    डॉ प्रो श्री सुश्री कु स्व पं
    e.g i.e vs viz cf approx z.b d.h
    """.split()
)
"""Abbreviations that stand before what they belong to."""
_SELDOM_LAST = frozenset(
    """
    no nos etc jr sr inc ltd co corp dept est ext tel fig vol min max sec hr hrs a.m p.m a.d b.c
    rs रु
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun
    """.split()
)
"""Words and abbreviations; they end a sentence unless a small letter or a digit follows."""
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")


class SentenceCutter:
    """Text in, whole sentences out, stripped of white space. No character is lost, added or reordered."""

    def __init__(self, *, eager: bool = True) -> None:
        """`eager` lets the first sentence end at a clause once it has EARLY characters."""
        self._text = ""
        self._eager = eager

    def feed(self, text: str, /) -> list[str]:
        """Return the sentences that `text` made whole."""
        self._text += text
        whole, start = [], _skip_space(self._text, 0)
        while end := _sentence_end(self._text[start : start + _WINDOW], eager=self._eager):
            whole.append(self._text[start : start + end].rstrip())
            self._eager = False
            start = _skip_space(self._text, start + end)
        self._text = self._text[start:]
        return whole

    def flush(self) -> list[str]:
        """Return what is left as the last sentence, or nothing."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []


async def sentences(texts: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Yield the sentences of `texts` as they become whole. Closes `texts`."""
    cutter = SentenceCutter()
    try:
        async for text in texts:
            for sentence in cutter.feed(text):
                yield sentence
        for sentence in cutter.flush():
            yield sentence
    finally:
        if isinstance(texts, AsyncGenerator):  # a plain iterator has nothing to close
            await texts.aclose()


def _skip_space(text: str, index: int) -> int:
    return next((i for i in range(index, len(text)) if not text[i].isspace()), len(text))


def _sentence_end(window: str, *, eager: bool) -> int:
    """Return the index behind the sentence that `window` begins with, 0 while it is not whole."""
    full = len(window) == _WINDOW
    clause_end = 0
    for match in _END.finditer(window):
        if match["line"]:
            return match.end()
        if match["marks"]:
            ends = _ends_sentence(window, match)
            if ends is None and not full:
                return 0
            if ends:
                return match.end()
        elif match.end() >= EARLY:
            clause_end = match.end()
            if eager:
                return clause_end
    return (clause_end or _break(window)) if full else 0


def _ends_sentence(window: str, match: re.Match[str]) -> bool | None:
    """Tell the end of a sentence from the dot of an abbreviation. None: the character that decides is not there yet."""
    after = window[match.end() : match.end() + 1]
    if not after:
        return None
    if not after.isspace():
        return not _STOP_SET.isdisjoint(match["marks"])
    words = window[: match.start()].split()
    if match["marks"].rstrip(_CLOSERS) != "." or not words:
        return True
    verdict = _ends_with(words[-1].lstrip(_OPENERS), alone=len(words) == 1)
    if verdict is not None:
        return verdict
    following = _NEXT.match(window, match.end())
    return None if following is None else not (following["next"].islower() or following["next"].isdigit())


def _ends_with(word: str, *, alone: bool) -> bool | None:
    """Tell whether `word` and a dot end a sentence; None where the next word decides. `alone`: it is the only one."""
    if word.lower() in _SELDOM_LAST:
        return None
    if word.lower() in _NEVER_LAST or (alone and word.isdecimal()):
        return False  # "1. Apples": the number belongs to what follows
    if (len(word) == 1 and word.isalpha() and word != "I") or _DOTTED.fullmatch(word):
        return False if word.isupper() else None  # initials: J. K. Rowling, the U.S. Army
    return True


def _break(window: str) -> int:
    """Return where to cut a run without punctuation: at its last space, else anywhere but before a combining mark."""
    spaces = (i for i in range(LONGEST, EARLY, -1) if window[i].isspace())
    whole_characters = (i for i in range(LONGEST, EARLY, -1) if unicodedata.category(window[i])[0] != "M")
    return next(spaces, next(whole_characters, LONGEST))
