# ruff: noqa: RUF001 - sentences of many scripts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tts.clauses import LONG, LONGEST, SECOND, clauses, marks_apart, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello.", ["Hello."]),
        ("Good morning, how are you?", ["Good morning,", "how are you?"]),
        ("Your total is 3,450.50 rupees, thank you.", ["Your total is 3,450.50 rupees,", "thank you."]),
        ("Come at 9:30, not at 10:45!", ["Come at 9:30,", "not at 10:45!"]),
        ("No, yes, well, it is.", ["No, yes, well,", "it is."]),
        ("नमस्ते, आप कैसे हैं। धन्यवाद॥", ["नमस्ते, आप कैसे हैं.", "धन्यवाद."]),
        ("¿Qué tal? ¡Muy bien, gracias!", ["Qué tal? Muy bien,", "gracias!"]),
        ("It works well - more or less... Does it?", ["It works well —", "more or less… Does it?"]),
        ('He said "yes, of course." Then he left.', ['He said "yes,', 'of course." Then he left.']),
        ("你好，世界", ["你好,世界"]),
    ],
)
def test_text_is_cut_behind_its_marks(text: str, expected: list[str]) -> None:
    assert clauses(text) == expected


def test_the_first_clause_is_short_and_later_ones_go_together() -> None:
    text = "Good morning, dear caller, it is nine, the shop is open, and we have bread, milk, butter, cheese and eggs."
    first, second, third = clauses(text)
    assert first == "Good morning,"
    assert second == "dear caller, it is nine,"
    assert SECOND < len(third) <= LONG


def test_a_greeting_of_one_word_does_not_wait_for_a_long_clause() -> None:
    assert clauses("Hello, this is the telephone of the corner shop in the old town.")[0] == "Hello,"


def test_a_long_first_clause_ends_before_a_word_that_joins() -> None:
    first, second = clauses("Your order left our warehouse this morning and will reach you on Tuesday at nine")
    assert first == "Your order left our warehouse this morning"
    assert second == "and will reach you on Tuesday at nine"


@pytest.mark.parametrize("text", ["", " ", "...", "?!", "—", "\u200b", "- - -", "“”", "\n\n"])
def test_what_has_no_word_has_no_clause(text: str) -> None:
    assert clauses(text) == []


@given(st.text(max_size=600))
def test_no_word_is_lost_and_no_clause_is_long(text: str) -> None:
    cut = clauses(text)
    assert all(0 < len(clause) <= LONGEST for clause in cut)
    words = [sign for sign in plain(text) if sign.isalnum()]
    assert [sign for clause in cut for sign in clause if sign.isalnum()] == words


@given(st.text(max_size=200))
def test_words_and_marks_by_turns_are_the_whole_clause(text: str) -> None:
    parts = marks_apart(text)
    assert len(parts) % 2 == 1
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_marks_stand_apart_from_words() -> None:
    assert marks_apart("Yes, it is 3.50.") == ["Yes", ",", "it is 3.50", ".", ""]
