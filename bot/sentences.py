"""Cuts text that is still being written into sentences, each as soon as it is whole.

What is cut depends on the characters alone, never on how they were split into fragments: a model that
writes letter by letter is spoken like one that answers with a paragraph.
"""

# ruff: noqa: RUF001 - the punctuation of many scripts is what this module is about
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from bot.abbreviations import Abbreviations, abbreviations

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

_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,3}")
_NEXT_WORD = re.compile(rf"[^\S{_NEWLINES}]*(?P<word>[^\W\d_]*)(?P<behind>.?)", re.DOTALL)
_LONGEST_PART: Final = 3
"""Letters of the second part of an abbreviation in parts: "z. B.", "n. Chr."."""


class SentenceCutter:
    """Text in, whole sentences out, stripped of white space. No character is lost, added or reordered."""

    def __init__(self, *, eager: bool = True, language: str = "") -> None:
        """`eager` lets the first sentence end at a clause once it has EARLY characters.

        `language`: an English name or a tag, whose abbreviations and ordinals have dots; "" where it is not known.
        """
        self._text = ""
        self._eager = eager
        self._known = abbreviations(language)

    def feed(self, text: str, /) -> list[str]:
        """Return the sentences that `text` made whole."""
        self._text += text
        whole, start = [], _skip_space(self._text, 0)
        while end := _sentence_end(self._text[start : start + _WINDOW], self._known, eager=self._eager):
            whole.append(self._text[start : start + end].rstrip())
            self._eager = False
            start = _skip_space(self._text, start + end)
        self._text = self._text[start:]
        return whole

    def flush(self) -> list[str]:
        """Return what is left as the last sentence, or nothing."""
        rest, self._text = self._text.strip(), ""
        return [rest] if rest else []


async def sentences(texts: AsyncIterator[str], *, language: str = "") -> AsyncGenerator[str, None]:
    """Yield the sentences of `texts`, in `language`, as they become whole. Closes `texts`."""
    cutter = SentenceCutter(language=language)
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


def _sentence_end(window: str, known: Abbreviations, *, eager: bool) -> int:
    """Return the index behind the sentence that `window` begins with, 0 while it is not whole."""
    full = len(window) == _WINDOW
    clause_end = 0
    for match in _END.finditer(window):
        if match["line"]:
            return match.end()
        if match["marks"]:
            ends = _ends_sentence(window, match, known)
            if ends is None and not full:
                return 0
            if ends:
                return match.end()
        elif match.end() >= EARLY:
            clause_end = match.end()
            if eager:
                return clause_end
    return (clause_end or _break(window)) if full else 0


def _ends_sentence(window: str, match: re.Match[str], known: Abbreviations) -> bool | None:
    """Tell the end of a sentence from the dot of an abbreviation. None: the character that decides is not there yet."""
    after = window[match.end() : match.end() + 1]
    if not after:
        return None
    if not after.isspace():
        return not _STOP_SET.isdisjoint(match["marks"])
    words = window[: match.start()].split()
    if match["marks"].rstrip(_CLOSERS) != "." or not words:
        return True
    word = words[-1].lstrip(_OPENERS)
    if word.isdecimal():
        return _number_ends(words, window, match.end(), known)
    verdict = _word_ends(word, known)
    if verdict is not None:
        return verdict
    following = _NEXT.match(window, match.end())
    if following is None:
        return None
    if following["next"].islower() or following["next"].isdigit():
        return False
    return _is_no_part(window, match.end()) if len(word) == 1 and word.islower() else True


def _word_ends(word: str, known: Abbreviations) -> bool | None:
    """Tell whether `word` and a dot end a sentence; None where the next word decides."""
    small = word.lower()
    if (len(word) == 1 and word.isupper() and word != "I") or word in known.never_last:
        return False  # initials: J. K. Rowling
    if small in known.seldom_last or small.endswith(known.compounds or ("\0",)):
        return None
    if word != "I" and small in known.never_last:
        return False
    if _DOTTED.fullmatch(word):
        return False if word.isupper() else None  # the U.S. Army
    return None if len(word) == 1 and word.isalpha() and word != "I" else True


def _number_ends(words: list[str], window: str, at: int, known: Abbreviations) -> bool | None:
    """Tell whether the dot behind a number, the last of `words`, ends a sentence or makes it an ordinal."""
    if len(words) == 1:
        return False  # "1. Apples": the number belongs to what follows
    if not known.months:
        return True
    if words[-2].strip(_OPENERS + _CLOSERS).lower() in known.before_ordinals:
        return False
    following = _NEXT_WORD.match(window, at)
    word = following["word"].lower() if following else ""
    if not following or not (word or following["behind"]):
        return None
    if following["word"][:1].islower() or (word in known.months and following["behind"]):
        return False
    may_become = not following["behind"] and any(each.startswith(word) for each in known.months)
    return None if may_become else True


def _is_no_part(window: str, at: int) -> bool | None:
    """Tell whether what follows is another part of an abbreviation: the "B." of "z. B."."""
    following = _NEXT_WORD.match(window, at)
    if not following or len(following["word"]) > _LONGEST_PART:
        return True
    return following["behind"] != "." if following["behind"] else None


def _break(window: str) -> int:
    """Return where to cut a run without punctuation: at its last space, else anywhere but before a combining mark."""
    spaces = (i for i in range(LONGEST, EARLY, -1) if window[i].isspace())
    whole_characters = (i for i in range(LONGEST, EARLY, -1) if unicodedata.category(window[i])[0] != "M")
    return next(spaces, next(whole_characters, LONGEST))
