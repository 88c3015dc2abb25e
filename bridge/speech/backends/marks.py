"""What a recogniser expects behind the last word: a mark that ends the sentence, one that does not, or more. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from bridge.speech.api import MarksAhead

STOPS: Final = (".", "?", "!", "\u3002", "\u0964", "\u06d4", "\u061f", "\uff1f", "\uff01")
COMMAS: Final = (",", ";", ":", "-", "--", "\u2014", "\u3001", "\uff0c", "\u060c")
ENDLESS: Final = ("...", "\u2026")
"""Marks that end a text, and no sentence."""

_STOPS, _COMMAS = frozenset(STOPS), frozenset(COMMAS)
_NO_WORDS: Final = _STOPS | _COMMAS | frozenset(ENDLESS) | {""}

_UNMARKED: Final = frozenset("am as bn bo gu hi km kn lo ml mr my ne pa sa si ta te th".split())
"""Codes of languages of which nothing is told: their full stop is no token of its own, or is seldom written. There the
text alone is read."""


def told_of(code: str) -> bool:
    """Return whether marks tell something in the language of this code."""
    return code not in _UNMARKED


def marks_ahead(said: Sequence[str], likely: Sequence[Mapping[str, float]]) -> MarksAhead | None:
    """Return what is expected behind the last word; None where that is not known.

    Args:
        said: the text of each token, "" for what ends the answer and is no text.
        likely: what each of them was chosen from, with probabilities 0..1; empty where that is not told. What is not
            among it counts as 0.
    """
    words = len(said)
    while words and said[words - 1].strip() in _NO_WORDS:
        words -= 1
    if not 0 < words < len(likely) or not likely[words]:
        return None
    stop = sum(share for text, share in likely[words].items() if text.strip() in _STOPS)
    comma = sum(share for text, share in likely[words].items() if text.strip() in _COMMAS)
    return MarksAhead(min(1.0, stop), min(1.0, comma))
