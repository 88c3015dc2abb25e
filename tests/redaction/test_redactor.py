"""What is taken out of texts."""

import time

import pytest

from bridge.redaction.patterns import BadPattern, compiled
from bridge.redaction.redactor import KINDS, Redactor

ALL = Redactor(KINDS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("my card is 4111 1111 1111 1111 thanks", "my card is [card] thanks"),
        ("4111-1111-1111-1111.", "[card]."),
        ("3 7 8 2 8 2 2 4 6 3 1 0 0 0 5", "[card]"),  # 15 digits
        ("4222222222222", "[card]"),  # 13
        ("in 2026 4111 1111 1111 1111 it is", "in 2026 [card] it is"),
        ("4111111111111111 5500000000000004", "[card] [card]"),
        ("order 1234567890123456", "order 1234567890123456"),  # no check digit
        ("call +49 (0)170 123-4567 now", "call [phone] now"),
        ("0049 30 901820", "[phone]"),
        ("030/901820", "[phone]"),
        ("(212) 555-0123", "[phone]"),
        ("555 123 4567", "[phone]"),
        ("at 10:30 on 12.5.2026", "at 10:30 on 12.5.2026"),
        ("order 12345, room 0815", "order 12345, room 0815"),
        ("write to jane.doe+x@mail.example.co.uk!", "write to [email]!"),
        ("jörg@müller.de, ann@host", "[email], ann@host"),
        ("a@b.de@c.de", "[email]@c.de"),
        ("", ""),
    ],
)
def test_numbers_and_addresses_are_taken_out_and_what_is_none_stays(text: str, told: str) -> None:
    assert ALL.text(text) == told


def test_only_what_was_asked_for_is_taken_out() -> None:
    said = "4111 1111 1111 1111, +49 170 1234567, a@b.de"
    assert Redactor(["cards"]).text(said) == "[card], +49 170 1234567, a@b.de"
    assert Redactor(["emails"]).text(said) == "4111 1111 1111 1111, +49 170 1234567, [email]"
    assert Redactor().text(said) == said
    assert not Redactor().active


def test_own_patterns_are_taken_out() -> None:
    own = Redactor((), [r"KD-?\d{6,8}", "[A-Z]{2} [0-9]+"])
    assert own.text("customer KD-1234567, KD123456 and AB 99") == "customer [redacted], [redacted] and [redacted]"
    assert own.text("KD-12345") == "KD-12345"


@pytest.mark.parametrize(
    "pattern", ["", "a*", "(a+)+", "a|b", "x.y", "^a", r"\1", "[a", "a{9,2}", "a{99}", "+", "a" * 300]
)
def test_a_pattern_that_may_be_slow_or_says_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compiled(pattern)


def test_what_is_in_mappings_and_lists_is_redacted_too() -> None:
    assert ALL.value({"a": ["a@b.de", 5, None, {"b": "030/901820"}]}) == {"a": ["[email]", 5, None, {"b": "[phone]"}]}


@pytest.mark.parametrize(
    "hostile",
    [
        *("4" * 20_000, "4 " * 10_000, "@" * 20_000, "a" * 20_000 + "@", "a@" * 10_000, "a.b@c." * 3000),
        *("0(" * 10_000, "+" * 20_000, "1((((" * 4000, "٣" * 20_000, "a@" + "b." * 10_000),
    ],
)
def test_no_text_takes_long(hostile: str) -> None:
    own = Redactor(KINDS, ["a+b+c", r"\d*\d*\d*x", "[a-z]{1,64}[a-z]{1,64}[a-z]{1,64}!"])
    began = time.process_time()
    own.text(hostile)
    assert time.process_time() - began < 1.0
