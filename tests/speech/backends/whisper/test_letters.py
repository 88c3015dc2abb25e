"""Whether a token can be part of a text in given scripts, however it cuts the characters."""

import pytest

from bridge.speech.backends.whisper.letters import may_be_in

DEVANAGARI = frozenset({"DEVANAGARI"})


@pytest.mark.parametrize("token", ["न".encode(), " मैं".encode(), b" ", b", 12.", "।".encode(), "…".encode()])
def test_whole_characters_of_the_script_figures_and_marks_may_stand(token: bytes) -> None:
    assert may_be_in(token, DEVANAGARI)


@pytest.mark.parametrize("token", ["ن".encode(), b" the", "ก".encode(), "न a".encode(), "я".encode()])
def test_letters_of_other_scripts_may_not(token: bytes) -> None:
    assert not may_be_in(token, DEVANAGARI)


def test_half_a_character_counts_by_what_it_may_become() -> None:
    assert may_be_in(b"\xe0\xa4", DEVANAGARI), "U+0900 and on"
    assert may_be_in(b" \xe0", DEVANAGARI), "U+0800 to U+0FFF: Devanagari is among them"
    assert may_be_in(b"\xa4\xa8", DEVANAGARI), "the rest of one that another token began"
    assert not may_be_in(b"\xd8", DEVANAGARI), "Arabic"
    assert not may_be_in(b"\xe0\xb8", DEVANAGARI), "Thai"
    assert not may_be_in("न".encode() + b"\xe0\xb8", DEVANAGARI)


@pytest.mark.parametrize("token", [b"", b"\x80", b"\xff", b"\xf0\x9f", b"\xc0", b"\xed\xa0", b"\xe0\x41"])
def test_bytes_that_are_no_text_are_judged_without_an_error(token: bytes) -> None:
    assert may_be_in(token, DEVANAGARI) in {True, False}
