"""Card numbers however they are written or said: none is kept. Other numbers are."""

import random
import re
import time
import tomllib
from importlib.resources import files
from typing import Final

import pytest
from card_numbers import LANGUAGES, card_number, is_luhn, written
from hypothesis import given
from hypothesis import strategies as st
from unicode_rbnf import FormatPurpose, RbnfEngine

from bridge.redaction.number_words import normal, vocabulary
from bridge.redaction.redactor import Redactor
from bridge.speech.wording import languages, wording

CARDS: Final = Redactor(["cards"])
WORDS: Final = tomllib.loads(files("bridge.redaction").joinpath("number_words.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("four one one one, one one one one, one one one one, one one one one.", "[card]."),
        (
            "It's four triple one, double one double one 1111 and the last four are 1111, thanks.",
            "It's [card], thanks.",
        ),
        ("forty-one eleven, eleven eleven, eleven eleven, eleven eleven", "[card]"),
        ("forty one eleven eleven 11 eleven eleven eleven eleven", "[card]"),
        ("fifty five double zero, four times zero, oh oh oh oh, triple zero four", "[card]"),
        ("4-1-1-1, 1-1-1-1, 1-1-1-1, 1-1-1-1", "[card]"),
        ("4,111,111,111,111,111", "[card]"),
        ("Four, one. One! One... 1, 1, 1, 1 uh 1111 dash 1111", "[card]"),
        ("four thousand one hundred eleven, 1111, one thousand one hundred and eleven, 1111", "[card]"),
        ("vier eins eins eins, dreimal die Eins, eins eins eins eins eins eins eins eins eins", "[card]"),
        ("einundvierzig elf elf elf elf elf elf elf", "[card]"),
        ("viertausendeinhundertelf, elfhundertelf, elfhundertelf, elfhundertelf", "[card]"),
        ("quarante et un onze, onze onze, onze onze, onze onze", "[card]"),
        ("cuarenta y uno once, once once, once once y once once", "[card]"),
        ("quarantuno undici undici undici undici undici undici undici", "[card]"),
        ("quarenta e um onze, onze onze, onze onze, onze onze", "[card]"),
        ("eenenveertig elf elf elf elf elf elf elf", "[card]"),
        ("चार एक एक एक ट्रिपल एक एक एक एक एक एक एक एक एक एक", "[card]"),
        ("char ek ek ek, triple ek ek, double ek double ek, ek ek ek ek", "[card]"),
        ("mera number four एक १ 1 1111 double one एक एक aur 1111 है", "mera number [card] है"),
    ],
)
def test_a_number_in_words_is_found(text: str, told: str) -> None:
    assert CARDS.text(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "My number is five five five, one two three, four five six seven.",
        "order one two three four five six seven eight nine oh one two three four five seven",
        "the twelfth of May twenty twenty-six at half past ten, table four for two",
        "12.05.2026, 13.05.2026 and 14.05.2026",
        "from 10:30 to 11:45 and from 12:00 to 13:15, 14:30 and 15:45",
        "call +49 170 1234567 or 030 901820",
        "one moment, one of the two does not work",
        "0000 0000 0000 0000",
        "zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero",
        "I have 3 of 4, and my order is 12345678; the phone 555 123 4567",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert CARDS.text(text) == text


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_card_number_survives_however_it_is_written(code: str) -> None:
    chance = random.Random(code)
    for _ in range(200):
        text = " ".join(word for word, _ in written(chance, card_number(chance), code))
        assert re.fullmatch(r"My card is \[card\][ .,-]*, thanks!", CARDS.text(f"My card is {text}, thanks!")), text


@given(st.text("0123456789", min_size=1, max_size=24).filter(lambda digits: not is_luhn(digits)))
def test_what_fails_the_check_stays_as_it_was_written_in_one_piece(digits: str) -> None:
    assert CARDS.text(f"order {digits} please") == f"order {digits} please"


def test_a_tool_s_argument_that_is_a_number_is_one_too() -> None:
    arguments = {"card": 4111111111111111, "amount": 4111, "ok": True, "at": 10**30, "rate": 4.5}
    assert CARDS.value(arguments) == {**arguments, "card": "[card]"}


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_numbers_of_each_language_are_those_of_cldr(code: str) -> None:
    engine = RbnfEngine.for_language(code)
    spelled = [engine.format_number(number, FormatPurpose.CARDINAL).text for number in range(100)]
    assert WORDS[code]["numbers"].split() == [
        re.sub("[ \u00ad]", lambda m: "-" if m[0] == " " else "", s) for s in spelled
    ]


@pytest.mark.parametrize("code", sorted(languages()))
def test_the_words_by_which_turns_are_judged_are_known_here(code: str) -> None:
    known = vocabulary()
    for phrase in wording(code).digits | wording(code).numbers:
        words = tuple(normal(word) for word in phrase.split())
        whole = len(words) == 1 and (words[0] in known.hundreds or words[0] in known.repeats)
        assert whole or words in known.numbers, phrase


def test_no_dictation_takes_long() -> None:
    began = time.process_time()
    for hostile in (
        "forty one ",
        "4 ",
        "0 ",
        "1 8 ",
        "double ",
        "nine times nine ",
        "last four ",
        "vierhundertelf",
        "ein",
    ):
        CARDS.text(hostile * (20_000 // len(hostile)))
    assert time.process_time() - began < 5.0
