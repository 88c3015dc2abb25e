"""Which script a text is in, and which ones a language may be written in."""

import pytest

from bridge.speech.scripts import letters_fit, script, scripts_of


@pytest.mark.parametrize(
    ("text", "name"),
    [("नमस्ते दोस्त", "DEVANAGARI"), ("Straße", "LATIN"), ("مرحبا", "ARABIC"), ("123 - !", ""), ("", "")],
)
def test_the_script_of_a_text_is_that_of_most_letters(text: str, name: str) -> None:
    assert script(text) == name


def test_hindi_is_written_in_devanagari_alone_and_russian_may_hold_latin_names() -> None:
    assert scripts_of("Hindi") == {"DEVANAGARI"} == scripts_of("hi")
    assert scripts_of("Russian") == {"CYRILLIC", "LATIN"}
    assert scripts_of("Japanese") == {"CJK", "HIRAGANA", "KATAKANA", "LATIN"}


def test_a_language_in_latin_letters_or_an_unknown_one_is_not_bound() -> None:
    assert not scripts_of("German")
    assert not scripts_of("Serbian"), "it is written in two scripts"
    assert not scripts_of("Klingon")


def test_vowel_signs_count_as_letters_and_figures_as_none() -> None:
    devanagari = frozenset({"DEVANAGARI"})
    assert letters_fit("हूँ, 12 । ३", devanagari)
    assert not letters_fit("नमस्ते hello", devanagari)
    assert not letters_fit("نمستے", devanagari)
