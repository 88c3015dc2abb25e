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
"""So much less is believed to have been said: a word said twice is better than one lost."""


class ServerPace:
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


def rest_of(text: str, said_s: float, pace: ServerPace, language: str) -> str:
    """Return `text` from the word on in which a voice of that `pace` broke off after `said_s` seconds.

    A word that was begun is said again, and one that was hardly finished: half a number helps nobody. "" where all was
    said.
    """
    if not said_s:
        return text
    said = said_s * pace.letters_a_second - _SAFE_LETTERS
    for word in _WORDS.finditer(text):
        said -= sum(weights(word[0], language, spoken))
        if said < 0:
            return text[word.start() :]
    return ""
