"""The text of single tokens, in pieces that never end inside a character. Pure."""

from collections.abc import Callable, Sequence
from typing import Final

_UNFINISHED: Final = "\N{REPLACEMENT CHARACTER}"
_MOST: Final = 16
"""Tokens that are merged at most: a character has four bytes, and a piece that is still none then is what was meant."""


def pieces_of(tokens: Sequence[int], decode: Callable[[Sequence[int]], str]) -> list[str]:
    """Return the text of each token, those that share a character merged; half a character at the end is left out.

    Args:
        decode: the tokenizer's; it writes U+FFFD for bytes that are no text yet, and nothing for special tokens.
    """
    pieces: list[str] = []
    group: list[int] = []
    for token in tokens:
        group.append(token)
        text = decode(group)
        if _UNFINISHED not in text or len(group) == _MOST:
            pieces.append(text)
            group = []
    pieces.append(decode(group).rstrip(_UNFINISHED) if group else "")
    return [piece for piece in pieces if piece]
