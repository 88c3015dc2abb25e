import pytest

from bot.languages import ENGLISH_NAMES
from bridge.speech.languages import Known, code_of


def test_there_are_a_hundred_languages_with_a_name_each() -> None:
    assert len(ENGLISH_NAMES) == 100
    assert len(set(ENGLISH_NAMES.values())) == 100


@pytest.mark.parametrize("code", ENGLISH_NAMES)
def test_every_name_leads_back_to_its_code(code: str) -> None:
    assert code_of(ENGLISH_NAMES[code]) == code


@pytest.mark.parametrize(
    ("given", "code"), [("hindi", "hi"), (" ENGLISH ", "en"), ("en", "en"), ("Mandarin", "zh"), ("filipino", "tl")]
)
def test_case_spaces_codes_and_other_names_are_understood(given: str, code: str) -> None:
    assert code_of(given) == code


@pytest.mark.parametrize("given", ["Klingon", "", "<|endoftext|>", "<|hi|>", "Englisch"])
def test_what_is_no_language_has_no_code(given: str) -> None:
    assert code_of(given) is None


@pytest.mark.parametrize("given", ["Tagalog", "filipino", " FILIPINO ", "tl"])
def test_each_engine_gets_a_language_by_the_name_it_has_for_it(given: str) -> None:
    assert Known(frozenset({"English", "Filipino"})).spelling(given) == "Filipino"
    assert Known(frozenset({"English", "Tagalog"})).spelling(given) == "Tagalog"


@pytest.mark.parametrize("given", ["Hindi", "hi", "Klingon", ""])
def test_a_language_an_engine_does_not_name_is_not_known(given: str) -> None:
    assert Known(frozenset({"English"})).spelling(given) is None
    assert Known(frozenset()).spelling(given) is None


def test_an_engine_may_know_a_language_that_we_do_not() -> None:
    assert Known(frozenset({"Klingon"})).spelling("KLINGON") == "Klingon"


@pytest.mark.parametrize(
    ("given", "name"), [("hi", "Hindi"), ("klingon ", "klingon"), ("Swiss German", "Swiss German")]
)
def test_an_engine_that_names_none_may_be_asked_for_any(given: str, name: str) -> None:
    assert Known(None).spelling(given) == name


@pytest.mark.parametrize("given", ["", " ", "<|im_end|>", "English<asr_text>", "a\nb", "7", "x " * 50, "x;y"])
def test_what_is_no_word_is_no_language_for_any_engine(given: str) -> None:
    assert Known(None).spelling(given) is None
