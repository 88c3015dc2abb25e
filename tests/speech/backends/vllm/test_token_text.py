from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.backends.vllm.token_text import pieces_of


def decode(tokens: Sequence[int]) -> str:
    """Decode as a byte-level vocabulary with one token a byte does."""
    return bytes(tokens).decode(errors="replace")


def test_each_token_is_a_piece() -> None:
    assert pieces_of(b"abc", decode) == ["a", "b", "c"]


def test_tokens_that_share_a_character_are_one_piece() -> None:
    assert pieces_of("aé😂b".encode(), decode) == ["a", "é", "😂", "b"]


def test_half_a_character_at_the_end_is_left_out() -> None:
    assert pieces_of("a😂".encode()[:-1], decode) == ["a"]
    assert pieces_of("aé".encode()[:-1], decode) == ["a"]


def test_tokens_without_text_are_no_pieces() -> None:
    assert pieces_of([1, 2, 3], lambda tokens: "x" if 2 in tokens else "") == ["x"]


def test_bytes_that_never_become_text_do_not_swallow_the_rest() -> None:
    pieces = pieces_of(b"\xff" * 16 + b"ab", decode)
    assert pieces[1:] == ["a", "b"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_no_character_is_lost_or_split(text: str) -> None:
    pieces = pieces_of(text.encode(), decode)
    assert pieces == list(text)
