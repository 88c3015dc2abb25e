"""Which voice reads a sentence: by the language of the call, the script of the text, and what the voices can read."""

from collections.abc import Sequence

import pytest
from sounding import English, German, Hindi, HindiOnly, Sounding

from bridge.speaking.voices.choice import in_order, is_written_so, key_of, written_in

HELLO_IN_HINDI = "\u0928\u092e\u0938\u094d\u0924\u0947"
RUSSIAN = "\u043f\u0440\u0438\u0432\u0435\u0442"


class Hosted(Sounding):
    """Says nothing of what it reads, as a hosted voice."""


class Russian(Sounding):
    language, scripts = "Russian", ("CYRILLIC",)


def order(text: str, language: str, by: Sequence[Sounding], default: Sounding, chosen: Sounding | None = None) -> str:
    found = in_order(text, language, chosen=chosen, by_language={key_of(v.language): v for v in by}, default=default)
    return " ".join(type(voice).__name__ for voice, *_ in found)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hello.", "English", "English German Hindi"),
        ("Guten Tag.", "German", "German English Hindi"),
        ("Guten Tag.", "de-AT", "German English Hindi"),
        (f"{HELLO_IN_HINDI}.", "English", "Hindi"),
        (f"{HELLO_IN_HINDI}.", "German", "Hindi"),
        ("Aapka order ready hai.", "Hindi", "Hindi English German"),
        ("Bonjour.", "French", "English German Hindi"),
        ("4512", "German", "German English Hindi"),
        (f"Please {HELLO_IN_HINDI} say to them all.", "English", "Hindi English German"),
        (RUSSIAN, "English", ""),
        ("", "English", ""),
    ],
)
def test_who_speaks_the_language_goes_first_and_the_script_overrules_it(
    text: str, language: str, expected: str
) -> None:
    assert order(text, language, [German(), Hindi()], English()) == expected


def test_hinglish_leaves_a_voice_that_reads_no_latin_letters() -> None:
    assert order("Aapka order ready hai.", "Hindi", [HindiOnly()], English()) == "English"
    assert order(HELLO_IN_HINDI, "Hindi", [HindiOnly()], English()) == "HindiOnly"


def test_a_voice_that_says_nothing_of_scripts_reads_all_but_gives_way_to_the_voice_of_the_script() -> None:
    assert order(HELLO_IN_HINDI, "English", [HindiOnly()], Hosted()) == "HindiOnly Hosted"
    assert order(RUSSIAN, "English", [HindiOnly()], Hosted()) == "Hosted"
    assert order("Hello", "English", [HindiOnly()], Hosted()) == "Hosted"


def test_the_script_finds_the_voice_of_any_language_written_so() -> None:
    assert order(RUSSIAN, "English", [German(), Russian()], English()) == "Russian"
    assert order(RUSSIAN, "Ukrainian", [Russian()], English()) == "Russian"


def test_what_the_bot_chose_goes_first_where_it_can_read_the_text() -> None:
    assert order("Hello.", "English", [German()], English(), chosen=Hindi()) == "Hindi English German"
    assert order(HELLO_IN_HINDI, "English", [Hindi()], English(), chosen=German()) == "Hindi"


def test_the_words_that_a_voice_cannot_read_are_counted() -> None:
    [(voice, _, foreign)] = in_order(
        f"Say {HELLO_IN_HINDI} now", "English", chosen=None, by_language={}, default=English()
    )
    assert (type(voice), foreign) == (English, 1)


def test_kana_tell_japanese_from_chinese() -> None:
    assert written_in("\u6771\u4eac\u90fd\u5e81\u306f\u3001\u897f\u65b0\u5bbf") == "HIRAGANA"
    assert written_in("\u6771\u4eac\u90fd") == "CJK"
    assert is_written_so("Japanese", "HIRAGANA") and not is_written_so("Chinese", "HIRAGANA")


def test_names_tags_and_codes_of_a_language_are_one() -> None:
    assert key_of("German") == key_of("de") == key_of("de-AT") == key_of(" DE_de ") == "de"
    assert key_of("") == "" and key_of("Klingon") == key_of("klingon") == "klingon"


def test_the_last_resort_comes_behind_all_others_where_it_can_read_the_text_and_once() -> None:
    last, hindi = English(), HindiOnly()

    def named(text: str, default: Sounding) -> list[Sounding]:
        return [voice for voice, *_ in in_order(text, "", chosen=None, by_language={}, default=default, last=last)]

    hosted = Hosted()
    assert named("Hello.", hosted) == [hosted, last]
    assert named(f"Say {HELLO_IN_HINDI}.", hindi) == [hindi, last]
    assert named(HELLO_IN_HINDI, hosted) == [hosted]
    assert named("Hello.", last) == [last]
