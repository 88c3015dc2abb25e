"""What callers hear besides the words of the bot, in their languages."""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.settings.caller_texts import SHIPPED, CallerTexts, in_language, load, parse
from bridge.speech.scripts import letters_fit, script

NAMES = [field.name for field in fields(CallerTexts)]


def test_seven_languages_are_shipped_with_all_that_a_call_needs() -> None:
    assert set(SHIPPED) == {"en", "de", "es", "fr", "it", "pt", "hi"}
    for texts in SHIPPED.values():
        assert all([texts.fallback_text, texts.no_input_text, texts.goodbye_text, texts.filler_text])
        assert not texts.greeting, "what a call begins with is the operator's"


def test_hindi_is_in_its_own_script_and_the_others_in_latin_letters() -> None:
    for code, texts in SHIPPED.items():
        written = " ".join(getattr(texts, name) for name in NAMES)
        assert script(written) == ("DEVANAGARI" if code == "hi" else "LATIN")
        assert code != "hi" or letters_fit(written, frozenset({"DEVANAGARI"}))


@pytest.mark.parametrize("language", ["German", "de", "de-AT", "german"])
def test_a_language_is_found_by_name_and_by_tag(language: str) -> None:
    assert in_language(SHIPPED, language).goodbye_text == "Auf Wiederhören."


@pytest.mark.parametrize("language", ["Klingon", "", "Japanese"])
def test_a_language_without_texts_is_spoken_to_in_english(language: str) -> None:
    assert in_language(SHIPPED, language) == SHIPPED["en"]


def test_a_folder_goes_before_what_is_shipped_text_by_text_and_adds_languages(tmp_path: Path) -> None:
    (tmp_path / "de.toml").write_text('goodbye_text = "Tschüss."\n')
    (tmp_path / "nl.toml").write_text('goodbye_text = "Tot ziens."\n')
    (tmp_path / "README.md").write_text("no language")
    texts = load(tmp_path)
    german, dutch = in_language(texts, "German"), in_language(texts, "Dutch")
    assert (german.goodbye_text, german.filler_text) == ("Tschüss.", SHIPPED["de"].filler_text)
    assert (dutch.goodbye_text, dutch.filler_text) == ("Tot ziens.", SHIPPED["en"].filler_text)
    assert SHIPPED["de"].goodbye_text == "Auf Wiederhören."


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("de.toml", "goodby_text = 'x'", r"de\.toml: 'goodby_text' is no text of a call; allowed: fallback_text, .*"),
        ("de.toml", "goodbye_text = 5", r"de\.toml: goodbye_text must be a text in quotes of 1 to 4000 characters"),
        ("de.toml", "goodbye_text = ' '", "goodbye_text must be a text"),
        ("de.toml", f"goodbye_text = '{4001 * 'x'}'", "goodbye_text must be a text"),
        ("de.toml", "[[[", r"de\.toml: "),
        ("de.toml", "\udcff", r"de\.toml: "),
        ("german.toml", "", r"german\.toml: 'german' is no code of a language"),
    ],
)
def test_what_is_wrong_in_a_folder_is_named(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=complaint):
        load(tmp_path)


def test_a_folder_that_is_none_and_a_file_that_is_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none is no folder"):
        load(tmp_path / "none")
    (tmp_path / "de.toml").mkdir()
    with pytest.raises(ValueError, match=r"de\.toml"):
        load(tmp_path)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse(text), CallerTexts)
