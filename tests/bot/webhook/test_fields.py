"""Texts, truths and whole numbers out of what a hook says."""

from collections.abc import Callable

import pytest

from bot.webhook.fields import Fields, WrongField, text_of, truth_of, whole_of

FIELDS: Fields = {"text": "hello", "truth": False, "whole": 7}


def test_what_is_there_is_returned_and_what_is_not_is_the_default() -> None:
    assert (text_of(FIELDS, "text"), text_of(FIELDS, "none", "#")) == ("hello", "#")
    assert (truth_of(FIELDS, "truth", default=True), truth_of(FIELDS, "none", default=True)) == (False, True)
    assert (whole_of(FIELDS, "whole", 1), whole_of(FIELDS, "none", 1)) == (7, 1)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda: text_of(FIELDS, "whole"), "whole is a text"),
        (lambda: text_of(FIELDS, "none"), "none is a text"),
        (lambda: truth_of(FIELDS, "whole", default=True), "whole is true or false"),
        (lambda: whole_of(FIELDS, "truth", 1), "truth is a whole number"),
        (lambda: whole_of(FIELDS, "text", 1), "text is a whole number"),
    ],
)
def test_a_field_of_another_kind_is_named_with_the_kind_it_is(read: Callable[[], object], told: str) -> None:
    with pytest.raises(WrongField) as wrong:
        read()
    assert str(wrong.value) == told
