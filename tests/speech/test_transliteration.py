"""Hindi in Latin letters, as people type it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech import transliteration
from bridge.speech.api import ModelMissing
from bridge.speech.transliteration import latin, speller


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("नमस्ते, मेरा नाम राहुल है।", "namaste, mera naam raahul hai."),
        ("क्या आप मेरी मदद कर सकते हैं?", "kya aap meri madad kar sakte hain?"),
        ("मुझे अपने पैसे वापस चाहिए", "mujhe apne paise vaapas chaahie"),
        ("करना समझना लड़का लगभग सोमवार", "karna samajhna larka lagbhag somvaar"),
        ("मित्र राज्य शब्द धर्म चंद्र", "mitra raajya shabd dharm chandra"),
        ("नहीं, में, हाँ, हूँ, यह, और, न", "nahin, mein, haan, hoon, yeh, aur, na"),
        ("अच्छा ज्ञान बच्चा संबंध कृपया", "accha gyaan baccha sambandh kripya"),
        ("ज़रूर फ़ोन ख़बर", "zaroor fon khabar"),
        ("१२३ रुपये", "123 rupye"),
        ("કેમ છો", "kem chho"),
    ],
)
def test_hindi_is_spelled_as_it_is_typed(written: str, typed: str) -> None:
    assert latin(written) == typed


@pytest.mark.parametrize("text", ["My order is late.", "¿Dónde está?", "مرحبا", "வணக்கம்", "", "50% - a@b.c"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert latin(text) == text


def test_english_words_among_hindi_ones_stay() -> None:
    assert latin("मेरा order cancel कर दो") == "mera order cancel kar do"


def test_native_changes_nothing() -> None:
    assert speller("native")("नमस्ते।") == "नमस्ते।"
    assert speller("latin")("नमस्ते") == "namaste"


def test_latin_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transliteration, "find_spec", lambda _: None)
    with pytest.raises(ModelMissing, match=r"transliteration"):
        speller("latin")


@given(st.text(st.characters(min_codepoint=0x0900, max_codepoint=0x0D7F) | st.sampled_from(" a1।"), max_size=30))
def test_whatever_is_written_is_spelled_without_an_error(text: str) -> None:
    assert isinstance(latin(text), str)
