"""What of a sentence is still to be said where its voice broke off, told by how long it had spoken. Pure."""

import re
from typing import Final

from bot.spoken import spoken, weights

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""What is said whole: a word, or a sign of a script that writes no spaces between words."""

_USUAL: Final = 15.0
"""Letters a second of a voice that nothing is known of: hibari 15 to 16, joe 17, measured over six sentences each."""
_OF_THE_NEWEST: Final = 0.05
"""Share of the newest sentence once there are twenty: sentences of one voice differ by 10 %."""
_SAFE_LETTERS: Final = 2.0
"""So much less is believed to have been said: a word that was hardly finished is said again sooner than one is lost."""


class Pace:
    """How fast a voice speaks, learned from the sentences that it finished."""

    def __init__(self) -> None:
        self.letters_a_second = _USUAL
        self._sentences = 0

    def finished(self, text: str, seconds: float, language: str) -> None:
        """Note that all of `text` took `seconds`. What is too short to tell is left out."""
        letters = sum(weights(text, language, spoken))
        if seconds < 0.5 or letters < 8:
            return
        self._sentences += 1
        share = max(1 / self._sentences, _OF_THE_NEWEST)
        self.letters_a_second += share * (letters / seconds - self.letters_a_second)

    def share_said(self, text: str, said_s: float, language: str) -> float:
        """Return what share of `text`, 0 to 1, is likely to be said once `said_s` seconds of it are."""
        letters = sum(_letters(word[0], language) for word in _WORDS.finditer(text))
        said = max(0.0, said_s * self.letters_a_second - _SAFE_LETTERS)
        return min(1.0, said / letters) if letters else 1.0


def rest_of(text: str, share: float, language: str) -> str:
    """Return `text` from the word on in which so large a `share` of its letters ends; "" where all was said.

    A word that was begun is said again: half a number helps nobody.
    """
    if not share:
        return text
    words = [(word.start(), _letters(word[0], language)) for word in _WORDS.finditer(text)]
    said = share * sum(letters for _, letters in words)
    for begin, letters in words:
        said -= letters
        if said < 0:
            return text[begin:]
    return ""


def _letters(word: str, language: str) -> int:
    return sum(weights(word, language, spoken))
