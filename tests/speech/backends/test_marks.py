"""What a recogniser expects behind the last word, as far as it tells what each token was chosen from."""

from collections.abc import Mapping, Sequence

import pytest

from bridge.speech.backends.marks import marks_ahead, told_of

FROM_ALL = {" word": 0.1, ".": 0.5, " ?": 0.2, ",": 0.1, "...": 0.05, "\n": 0.01}


@pytest.mark.parametrize("said", [["Yes", "."], ["Yes", ".", ""], ["Yes", ""], ["Yes", "...", "\n", ""]])
def test_what_the_last_word_was_followed_by_counts_however_the_text_ends(said: Sequence[str]) -> None:
    found = marks_ahead(said, [{"Yes": 1.0}, FROM_ALL, *({"": 1.0} for _ in said[2:])])
    assert found
    assert found.stop == pytest.approx(0.7), "a question mark is a stop, and dots are none"
    assert found.comma == pytest.approx(0.1)


def test_what_is_too_unlikely_to_be_told_of_counts_as_nothing() -> None:
    found = marks_ahead(["Yes", " we"], [{"Yes": 1.0}, {" we": 0.9}, {" do": 0.9}])
    assert found
    assert (found.stop, found.comma) == (0, 0)


@pytest.mark.parametrize(
    ("said", "likely"),
    [
        ([], []),
        (["."], [FROM_ALL]),
        ([".", ""], [FROM_ALL, FROM_ALL]),
        (["Yes"], [FROM_ALL]),
        (["Yes", "."], [FROM_ALL]),
        (["Yes", "."], [FROM_ALL, {}]),
        (["Yes", "."], []),
    ],
)
def test_without_a_word_or_what_came_behind_it_nothing_is_told(
    said: Sequence[str], likely: Sequence[Mapping[str, float]]
) -> None:
    assert marks_ahead(said, likely) is None


def test_probabilities_that_add_up_to_more_than_one_are_one() -> None:
    found = marks_ahead(["Yes", "."], [{}, {".": 0.7, " .": 0.7, ",": 0.7, ", ": 0.7}])
    assert found
    assert (found.stop, found.comma) == (1, 1)


@pytest.mark.parametrize(("code", "told"), [("en", True), ("de", True), ("zh", True), ("hi", False), ("th", False)])
def test_scripts_whose_full_stop_is_no_token_are_left_to_the_text(code: str, told: bool) -> None:
    assert told_of(code) is told
