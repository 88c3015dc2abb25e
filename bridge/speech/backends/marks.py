"""What a recogniser expects behind the last word: a mark that ends the sentence, one that does not, or more. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from bridge.speech.api import MarksAhead, Request
from bridge.speech.languages import code_of

T = TypeVar("T")

STOPS: Final = (".", "?", "!", "\u3002", "\u0964", "\u06d4", "\u061f", "\uff1f", "\uff01")
COMMAS: Final = (",", ";", ":", "-", "--", "\u2014", "\u3001", "\uff0c", "\u060c")
ENDLESS: Final = ("...", "\u2026")
"""Marks that end a text, and no sentence."""

LIKELIEST: Final = 10
"""Tokens that a server is asked to tell in each place: what is less likely counts as 0. OpenAI's API allows 20."""

_STOPS, _COMMAS = frozenset(STOPS), frozenset(COMMAS)
_NO_WORDS: Final = _STOPS | _COMMAS | frozenset(ENDLESS) | {""}

_UNMARKED: Final = frozenset("am as bn bo gu hi km kn lo ml mr my ne pa sa si ta te th".split())
"""Codes of languages of which nothing is told: their full stop is no token of its own, or is seldom written. There the
text alone is read."""


def wanted_for(request: Request) -> bool:
    """Return whether the answer to `request` tells marks: a final that continues nothing may be the end of a turn."""
    return request.final and not request.prefix


def told_of(language: str) -> bool:
    """Return whether marks tell something in `language`: an English name or a code, "" where it is not known."""
    return code_of(language) not in _UNMARKED


def words_end(tokens: Sequence[T], is_word: Callable[[T], bool]) -> int:
    """Return how many of `tokens` there are up to the last word; 0 where there is none."""
    return next((n for n in range(len(tokens), 0, -1) if is_word(tokens[n - 1])), 0)


def marks_ahead(said: Sequence[str], likely: Sequence[Mapping[str, float]]) -> MarksAhead | None:
    """Return what is expected behind the last word; None where that is not known.

    Args:
        said: the text of each token, "" for what ends the answer and is no text.
        likely: what each of them was chosen from, with probabilities 0..1; empty where that is not told. What is not
            among it counts as 0.
    """
    words = words_end(said, lambda text: text.strip() not in _NO_WORDS)
    if not 0 < words < len(likely) or not likely[words]:
        return None
    stop = sum(share for text, share in likely[words].items() if text.strip() in _STOPS)
    comma = sum(share for text, share in likely[words].items() if text.strip() in _COMMAS)
    return MarksAhead(min(1.0, stop), min(1.0, comma))
