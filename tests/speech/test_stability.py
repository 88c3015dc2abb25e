import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.stability import Flicker, Screen, flicker, words

# ---------------------------------------------------------------- what is shown


def test_the_first_text_is_shown_at_once() -> None:
    assert Screen().show("Where", complete=False) == "Where"


def test_the_last_word_is_shown_when_the_next_hypothesis_has_it_too() -> None:
    screen = Screen()
    assert screen.show("Where can I by", complete=False) == "Where can I"
    assert screen.show("Where can I buy a", complete=False) == "Where can I buy"
    assert screen.show("Where can I buy a", complete=False) == "Where can I buy a"


def test_case_and_punctuation_do_not_hold_a_word_back() -> None:
    screen = Screen()
    screen.show("I want Tea.", complete=False)
    assert screen.show("I want tea", complete=False) == "I want tea"


def test_what_is_complete_is_shown_whole() -> None:
    assert Screen().show("Where can I buy a car?", complete=True) == "Where can I buy a car?"


def test_what_only_takes_words_away_is_not_shown() -> None:
    screen = Screen()
    assert screen.show("Where can I buy", complete=False) == "Where can I"
    assert screen.show("Where.", complete=False) == ""
    assert screen.show("Where can we buy", complete=False) == "Where can we"


def test_a_pause_shows_what_goes_on_from_there_and_leaves_corrections_to_the_final() -> None:
    screen = Screen()
    screen.show("Wear can I", complete=False)
    assert screen.show("Where can I buy tea?", complete=True) == ""
    assert screen.show("wear can I buy tea?", complete=True) == "wear can I buy tea?"


def test_nothing_is_shown_twice_in_a_row() -> None:
    screen = Screen()
    assert screen.show(" one two ", complete=True) == "one two"
    assert screen.show("one two three", complete=False) == ""
    assert screen.show("", complete=True) == ""


@given(st.lists(st.tuples(st.text(), st.booleans())))
def test_what_is_shown_is_the_beginning_of_what_was_heard(heard: list[tuple[str, bool]]) -> None:
    screen = Screen()
    for text, complete in heard:
        assert text.strip().startswith(screen.show(text, complete=complete))


# ---------------------------------------------------------------- how steady it was


def test_partials_that_only_grow_do_not_flicker() -> None:
    assert flicker(["Where", "where can", "Where can I"], "Where can I go?") == Flicker(shown=3, changed=0)


def test_a_word_that_is_replaced_counts_once_for_each_replacement() -> None:
    assert flicker(["wear can", "where can", "where can"], "where can") == Flicker(shown=3, changed=1)


def test_the_final_corrects_without_showing_anew() -> None:
    result = flicker(["see the kar"], "see the car")
    assert result == Flicker(shown=3, changed=1)
    assert result.share == pytest.approx(1 / 3)


def test_a_word_that_comes_in_between_changes_none_of_the_others() -> None:
    assert flicker(["I go home"], "I will go home") == Flicker(shown=3, changed=0)


def test_what_is_taken_away_is_a_change() -> None:
    assert flicker(["thank you"], "") == Flicker(shown=2, changed=2)


def test_without_partials_there_is_nothing_to_flicker() -> None:
    assert flicker([], "hello there") == Flicker()
    assert Flicker().share == 0.0


def test_utterances_add_up() -> None:
    assert Flicker(3, 1) + Flicker(5, 0) == Flicker(8, 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("...", 0), ("नमस्ते, जी!", 2), ("你好吗", 3), ("これはpenです", 6), ("ผม", 2), ("don't stop", 2)],
)
def test_words_of_every_script_are_counted(text: str, count: int) -> None:
    assert len(words(text)) == count


@given(st.lists(st.text(), max_size=5), st.text())
def test_no_more_changes_than_was_shown(partials: list[str], final: str) -> None:
    result = flicker(partials, final)
    assert 0 <= result.changed <= result.shown
