"""How text is read aloud: what a person would say for what is written.

    spoken("Your total is **$12.50** \N{PARTY POPPER}", "English") == "Your total is twelve dollars and fifty cents"

Why not leave it to the voice: each reads another half of it right, few a telephone number or an e-mail address.
"""

import re
from typing import Final, Protocol

from bot.spoken import addresses, dates, identifiers, keys, money, numbers, phones, units
from bot.spoken.code import CodeBlocks
from bot.spoken.languages import wording_of
from bot.spoken.markup import plain
from bot.spoken.wording import Wording

__all__ = ["CodeBlocks", "Spoken", "plain", "spoken", "weights"]


class Spoken(Protocol):
    """What may stand in for `spoken`."""

    def __call__(self, text: str, language: str, /) -> str:
        """Return what a voice is to read for `text`, a sentence in `language`; nothing for what is not to be heard.

        `language`: an English name ("Hindi") or a tag ("en-GB"), "" where it is unknown. Called on the event loop.
        """


_RULES: Final = (
    (addresses.spoken, 0),
    (dates.spoken, 1),
    (identifiers.announced, 3),
    (phones.spoken, 4),
    (identifiers.spoken, 3),
    (numbers.ranges, 2),
    (money.spoken, 1),
    (units.spoken, 0),
    (numbers.spoken, 1),
)
"""One after the other: each leaves words, which the next ones let be. With the fewest figures that it is worth."""
_FIGURE: Final = re.compile(r"\d")


def spoken(text: str, language: str, /) -> str:
    """Return `text` on one line, without markup and pictures, and with figures and addresses as they are said.

    In a language that is not known here, figures and addresses are left to the voice. Takes time in proportion to
    the length of `text`, and never raises.
    """
    words = wording_of(language, text)
    if words:
        text = keys.spoken(text, words)
    text = plain(text, code=words.code if words else "")
    return " ".join(_in_words(text, words).split()) if words else text


def weights(text: str, language: str, say: Spoken, /) -> list[int]:
    """Return how many letters are spoken for each word of `text`, which tells when it is heard."""
    return [len(word) if word.isalpha() else len(say(word, language)) for word in text.split()]


def _in_words(text: str, words: Wording) -> str:
    text = numbers.plain_figures(text)
    for in_words, fewest in _RULES:
        if len(_FIGURE.findall(text)) >= fewest:
            text = in_words(text, words)
    return text.replace("_", " ").replace(" & ", f" {words.conjunction} ")
