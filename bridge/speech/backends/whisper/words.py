"""When each word was spoken, by the positions of the encoder that its tokens attend to. Pure."""

from collections.abc import Sequence
from typing import Final

POSITIONS_A_SECOND: Final = 50
"""The encoder halves the frames."""


def token_begins_s(alignments: Sequence[tuple[int, int]], count: int, seconds: float) -> list[float]:
    """Return when each of `count` tokens begins, of pairs of a token and a position of the encoder."""
    begins = [seconds] * count
    for token, position in reversed(alignments):
        if token < count:
            begins[token] = position / POSITIONS_A_SECOND
    return begins


def timed_words(
    pieces: Sequence[tuple[str, int]], alignments: Sequence[tuple[int, int]], seconds: float
) -> list[tuple[str, int, int]]:
    """Return the words that `pieces` make, each with the milliseconds at which it begins and ends.

    `pieces`: text and the number of its tokens, in order; a word begins with a space, or with the first piece of all.
    `alignments`: pairs of a token and a position of the encoder. Marks belong to the word before.
    """
    count = sum(tokens for _, tokens in pieces)
    begins = token_begins_s(alignments, count, seconds)
    words, token = list[tuple[str, int, int]](), 0
    for text, tokens in pieces:
        begin, end = begins[token], begins[token + tokens] if token + tokens < count else seconds
        if words and not text[:1].isspace():
            word, from_ms, _ = words.pop()
            words.append((word + text, from_ms, round(1000 * end)))
        elif text.strip():
            words.append((text.strip(), round(1000 * begin), round(1000 * end)))
        token += tokens
    return words
