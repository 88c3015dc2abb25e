"""The digits in what a bot says back."""

import pytest
from phone.numbers import digits_in


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("You said: 415-555-0123.", "4155550123"),
        ("four one five, five five oh", "415550"),
        ("Double five, triple 0, one", "550001"),
        ("You said: nobody was there", ""),
        ("", ""),
    ],
)
def test_digits_are_read_as_they_are_written_or_said(text: str, digits: str) -> None:
    assert digits_in(text) == digits
