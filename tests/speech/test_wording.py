"""The words of each language."""

from dataclasses import fields

import pytest

from bridge.speech.wording import Wording, languages, parse, wording

WHOLE = "\n".join(f'{field.name} = "Um mm-hm"' for field in fields(Wording))


def test_the_languages_with_words_are_known_by_name_and_by_code() -> None:
    assert {"en", "de", "hi", "fr", "es", "it", "nl", "pt"} <= languages()
    assert wording("Hindi") == wording("hi") != wording("English")


@pytest.mark.parametrize("language", ["", "Klingon", "Zulu", "en ", "../en", "None"])
def test_of_other_languages_nothing_is_known(language: str) -> None:
    known = wording(language)
    assert known == (wording("en") if language.strip() == "en" else Wording())


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_has_every_kind_of_words_as_they_are_compared(code: str) -> None:
    for field in fields(Wording):
        words: frozenset[str] = getattr(wording(code), field.name)
        assert words, field.name
        assert all(word == word.casefold() and word.strip() == word and "-" not in word for word in words)
        assert max(len(word.split()) for word in words) <= 4


@pytest.mark.parametrize("code", sorted(languages()))
def test_no_answer_is_a_word_that_begins_more(code: str) -> None:
    known = wording(code)
    assert not known.answers & (known.never_last | known.fillers)


def test_hyphens_make_phrases_and_capitals_do_not_count() -> None:
    assert parse(WHOLE).answers == {"um", "mm hm"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE.replace("answers", "anwsers"), "answers, anwsers: missing or unknown"),
        (WHOLE.replace('digits = "Um mm-hm"', "digits = 5"), "digits: must be a string"),
        (WHOLE.replace('dot = "Um mm-hm"', 'dot = ["a"]'), "dot: must be a string"),
        ("", "answers"),
        ("answers = ", "Invalid"),
    ],
)
def test_a_file_that_is_wrong_says_where(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(text)
