"""Texts compared as they sound: without case, punctuation and the difference between 4 and four. Pure."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_DIGITS: Final = "zero one two three four five six seven eight nine".split()
_SAME: Final = 0.85
"""Questions that are so alike are one."""
_ENDS: Final = ".!?\u3002\uff1f\uff01\u0964"
_SENTENCE: Final = re.compile(f"[^{_ENDS}]*[{_ENDS}]+|[^{_ENDS}]+")
_ASKS: Final = ("?", "\uff1f")


def normal(text: str) -> str:
    """Return the words of `text`, with single spaces; digits one by one."""
    spelled = "".join(f" {_DIGITS[unicodedata.digit(c)]} " if c.isdecimal() else c for c in text.casefold())
    kept = (c if unicodedata.category(c)[0] in "LM" or c in "'\u2019" else " " for c in spelled)
    return " ".join("".join(kept).replace("\u2019", "'").split())


def holds(text: str, words: str) -> bool:
    """Return whether `words` stand in `text`, in a row and whole."""
    inner, outer = normal(words), normal(text)
    if not inner:
        return words.strip() in text
    if any(_is_unspaced(c) for c in inner):
        return inner.replace(" ", "") in outer.replace(" ", "")
    return f" {inner} " in f" {outer} "


def _is_unspaced(character: str) -> bool:
    """Return whether `character` is of a script that puts no spaces between words."""
    return any(character >= low and character <= high for low, high in (("\u0e00", "\u0eff"), ("\u3040", "\u9fff")))


def questions(text: str) -> list[str]:
    """Return the questions in `text`, each as it stands there."""
    return [sentence.strip() for sentence in _SENTENCE.findall(text) if sentence.strip().endswith(_ASKS)]


def repeated(asked: Sequence[str]) -> Iterable[str]:
    """Return those of `asked` that had been asked before, in the same words or nearly so."""
    before: list[str] = []
    for question in asked:
        words = normal(question)
        if any(difflib.SequenceMatcher(None, words, other).ratio() >= _SAME for other in before):
            yield question
        before.append(words)
