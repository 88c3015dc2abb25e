import pytest

from bridge.speech.languages import ENGLISH_NAMES, code_of


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
