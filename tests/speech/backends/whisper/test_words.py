"""Words out of tokens and the positions that they attend to."""

import pytest

from bridge.speech.backends.whisper.words import timed_words, token_begins_s


def test_a_token_begins_where_it_is_first_attended_to() -> None:
    assert token_begins_s([(0, 5), (0, 9), (1, 10), (2, 20)], 4, 1.5) == [0.1, 0.2, 0.4, 1.5]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([("Hello", 1), (" world", 1)], [("Hello", 0, 200), ("world", 200, 1000)]),
        ([(" Kora", 1), ("mangala", 1), (".", 1)], [("Koramangala.", 0, 1000)]),
        ([(" ", 1), (" \u0928", 2)], [("\u0928", 200, 1000)]),
        ([], []),
    ],
)
def test_pieces_without_a_space_belong_to_the_word_before(
    pieces: list[tuple[str, int]], words: list[tuple[str, int, int]]
) -> None:
    assert timed_words(pieces, [(0, 0), (1, 10), (2, 20)], 1.0) == words
