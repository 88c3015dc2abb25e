"""How much of a hypothesis is shown, and how much of what was shown had to be taken back. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
"""Scripts without spaces between words (Thai, Lao, kana, Han): each character counts as one."""


class Screen:
    """What one reader sees of a growing utterance: words that seldom have to be taken back."""

    def __init__(self) -> None:
        self._before: list[str] = []  # words of the hypothesis before
        self._shown: list[str] = []

    def show(self, text: str, *, complete: bool) -> str:
        """Return what to show of the newest hypothesis, "" to leave what is shown.

        The last word of an utterance that still grows is half heard as a rule. It is shown once the hypothesis
        after agrees, unless it is all there is: the first text must not wait. What only takes words away is not
        shown, and of a `complete` utterance only what goes on from there: if it is over, the final is as quick.
        """
        visible, now = text.strip(), words(text)
        if not complete and len(now) > 1 and now[-1:] != self._before[len(now) - 1 : len(now)]:
            visible = visible[: [match.start() for match in _WORD.finditer(visible) if spelling(match[0])][-1]].rstrip()
        self._before, shown = now, words(visible)
        if shown == self._shown[: len(shown)] or (complete and shown[: len(self._shown)] != self._shown):
            return ""
        self._shown = shown
        return visible


@dataclass(frozen=True, slots=True)
class Flicker:
    """How steady the partials of one or more utterances were."""

    shown: int = 0
    """Words that appeared on the screen. A word that appears again counts again."""
    changed: int = 0
    """Words that were replaced or taken away later."""

    @property
    def share(self) -> float:
        """Changed words per shown word, 0.0 to 1.0."""
        return self.changed / self.shown if self.shown else 0.0

    def __add__(self, other: "Flicker") -> "Flicker":
        return Flicker(self.shown + other.shown, self.changed + other.changed)


def flicker(partials: Sequence[str], final: str) -> Flicker:
    """Compare each text of an utterance with the one that replaced it, the last one with the final."""
    texts = [words(text) for text in (*partials, final)]
    result = Flicker(shown=len(texts[0]) if partials else 0)
    for number, (before, after) in enumerate(pairwise(texts), start=1):
        kept = sum(match.size for match in SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks())
        fresh = len(after) - kept if number < len(partials) else 0
        result += Flicker(shown=fresh, changed=len(before) - kept)
    return result


def words(text: str) -> list[str]:
    """Return the words of `text` as they are compared: without case and punctuation."""
    return [word for match in _WORD.findall(text) if (word := spelling(match))]


def spelling(word: str) -> str:
    """Return `word` without case and punctuation."""
    return "".join(c for c in word.casefold() if unicodedata.category(c)[0] not in "PSZC")
