"""What of a sentence is still to be said where its voice broke off, told by how long it had spoken. Pure."""

import re
from typing import Final

from bot.spoken import spoken, weights

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\s\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
"""What is said whole: a word, or a sign of a script that writes no spaces between words."""

_USUAL: Final = 15.0
"""Letters a second of a voice that nothing is known of: hibari 15 to 16, joe 17, measured over six sentences each."""
_OF_THE_NEWEST: Final = 0.3


class Pace:
    """How fast a voice speaks, learned from the sentences that it finished."""

    def __init__(self) -> None:
        self.letters_a_second = _USUAL
        self._known = False

    def finished(self, text: str, seconds: float, language: str) -> None:
        """Note that all of `text` took `seconds`. What is too short to tell is left out."""
        letters = sum(weights(text, language, spoken))
        if seconds < 0.5 or letters < 8:
            return
        newest = letters / seconds
        share = _OF_THE_NEWEST if self._known else 1.0
        self.letters_a_second += share * (newest - self.letters_a_second)
        self._known = True


def rest_of(text: str, said_s: float, pace: Pace, language: str) -> str:
    """Return `text` from the word on in which a voice of that `pace` broke off after `said_s` seconds.

    A word that was begun is said again: half a number helps nobody. "" where all was said.
    """
    said = said_s * pace.letters_a_second
    if not said:
        return text
    for word in _WORDS.finditer(text):
        said -= sum(weights(word[0], language, spoken))
        if said < 0:
            return text[word.start() :]
    return ""
