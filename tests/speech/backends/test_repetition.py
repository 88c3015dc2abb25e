import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.backends.repetition import Repetition, loop_end, repetitions


def ids(text: str) -> list[int]:
    return [ord(letter) for letter in text]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("abcd" * 4, 4),
        ("xy" + "abcde" * 5, 7),
        ("x" + "a" * 16, 2),
        ("ab" * 8, 2),
        ("abcdefghijklmnopqrst" * 4 + "abc", 20),
    ],
)
def test_what_loops_is_kept_once(said: str, kept: int) -> None:
    assert loop_end(ids(said), suspect=False) == kept


@pytest.mark.parametrize(
    "said", ["", "a", "aaaa", "no" * 5, "0" * 15, "abcdef" * 3, "abcdefgh" * 3 + "xabcdefgh", "0," * 8 + "1,2,3,4."]
)
def test_what_a_person_may_say_is_no_loop(said: str) -> None:
    assert loop_end(ids(said), suspect=False) is None


def test_three_rounds_are_enough_where_the_tokens_suspect() -> None:
    tokens = ids("well" + " it is like" * 3)
    assert loop_end(tokens, suspect=False) is None
    assert loop_end(tokens, suspect=True) == len("well it is like")


@given(st.lists(st.integers(0, 3), max_size=120), st.booleans())
def test_what_is_kept_is_a_part_of_it_and_the_rest_begins_alike(tokens: list[int], suspect: bool) -> None:
    kept = loop_end(tokens, suspect=suspect)
    assert kept is None or (0 < kept < len(tokens) and tokens[kept] in tokens[:kept])


@given(st.lists(st.integers(0, 9), max_size=40, unique=True), st.lists(st.integers(10, 99), min_size=1, unique=True))
def test_any_loop_behind_any_beginning_is_found(before: list[int], pattern: list[int]) -> None:
    pattern = pattern[:30]
    assert loop_end(before + pattern * 16, suspect=False) == len(before) + len(pattern)


@pytest.mark.parametrize("suspect", [True, False])
def test_what_is_left_again_was_no_loop(suspect: bool) -> None:
    assert loop_end(ids("0," * 11 + "1,2,3,4."), suspect=suspect) is None


def test_each_repetition_is_found_with_its_rounds() -> None:
    first, second = repetitions(ids("x" + "0," * 8 + "0" + "ab" * 9), suspect=False)
    assert (first, second) == (Repetition(1, 2, 18), Repetition(18, 2, 36))
    assert list(first.rounds) == [1, 3, 5, 7, 9, 11, 13, 15, 17]
