"""Text that a voice cannot read."""

import pytest

from bridge.speaking.unread import foreign_words, why
from bridge.speech.scripts import script


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("Hello", "LATIN"),
        ("\u0928\u092e\u0938\u094d\u0924\u0947", "DEVANAGARI"),
        ("\u4f60\u597d", "CJK"),
        ("\u041f\u0440\u0438\u0432\u0435\u0442, Bob", "CYRILLIC"),
        ("\uff28\uff45\uff4c\uff4c\uff4f", "LATIN"),  # full-width
        ("\ud55c\uad6d\uc5b4", "HANGUL"),
        ("12 \u2026 !", ""),
        ("", ""),
        ("\ud800\ue000\x00", ""),
    ],
)
def test_a_text_is_in_a_script(text: str, is_in: str) -> None:
    assert script(text) == is_in


@pytest.mark.parametrize(
    ("text", "foreign", "words"),
    [
        ("Hello there, 5 of them!", 0, 5),
        ("Say \u0928\u092e\u0938\u094d\u0924\u0947 to 5", 1, 4),
        ("\u4f60\u597d \u2026", 1, 1),
        ("...", 0, 0),
    ],
)
def test_words_in_other_scripts_are_foreign(text: str, foreign: int, words: int) -> None:
    assert foreign_words(text, ("LATIN",)) == (foreign, words)


def test_the_reason_names_the_script_its_languages_and_the_option_and_no_word_of_the_text() -> None:
    text = "\u0928\u092e\u0938\u094d\u0924\u0947"
    reason = why(text, voice="HibariTts", language="English")
    for part in ("DEVANAGARI", "Hindi", "HibariTts", "English", "--voices"):
        assert part in reason
    assert text not in reason
    assert "no sound" in why("...", voice="HibariTts", language="")
    assert "LATIN" in why("Hello", voice="Thai", language="Thai")
