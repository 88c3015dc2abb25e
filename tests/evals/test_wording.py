"""Texts compared as they sound."""

import pytest

from bridge.evals import wording


@pytest.mark.parametrize(
    ("text", "words", "there"),
    [
        ("On Friday, at half past two!", "friday at half", True),
        ("Your number is 4711.", "four seven one one", True),
        ("Four seven, one one", "4711", True),
        ("Fridays only", "Friday", False),
        ("it\u2019s fine", "it's fine", True),
        ("नमस्ते, आप कैसे हैं?", "आप कैसे", True),
        ("नमस्ते", "नमस", False),
        ("あしたの九時です。", "九時", True),
        ("anything", "?!", False),
        ("", "x", False),
    ],
)
def test_words_stand_in_a_text_in_a_row_and_whole(text: str, words: str, there: bool) -> None:
    assert wording.holds(text, words) is there


def test_a_question_asked_again_in_nearly_the_same_words_is_found() -> None:
    asked = wording.questions("Hello. When would you like to come? Fine. And who are you?")
    assert asked == ["When would you like to come?", "And who are you?"]
    assert list(wording.repeated([*asked, "When would you like to come, please?"])) == [
        "When would you like to come, please?"
    ]
    assert list(wording.repeated(asked)) == []
