"""How names and brands are said: whole words, the longest first, by case, and whatever is in the file."""

import time
import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speaking.voices.lexicon import LONGEST, MOST_ENTRIES, Lexicon, is_ipa

IPA = "/\u02c8sp\u026ani/"
SHIP, SHIPS = "\u0936\u093f\u092a", "\u0936\u093f\u092a\u093e"


@pytest.mark.parametrize(
    ("entries", "text", "aloud"),
    [
        (
            {"Spinny": "Spinnee"},
            "Spinny's car, SPINNY, spinny; Spinnyx xSpinny.",
            "Spinnee's car, Spinnee, Spinnee; Spinnyx xSpinny.",
        ),
        ({"US": "U S"}, "Tell us in the US.", "Tell us in the U S."),
        ({"us": "uss", "US": "U S"}, "Us, us, US.", "uss, uss, U S."),
        (
            {"New": "n", "New York": "ny", "New York Times": "nyt"},
            "New York Times, new  york, New Yorker",
            "nyt, ny, n Yorker",
        ),
        ({"C++": "C plus plus", "C": "see"}, "C++ or C+ or C", "C plus plus or see+ or see"),
        ({"AT&T": "A T and T", ".NET": "dot net"}, "AT&T likes .NET", "A T and T likes dot net"),
        ({"a.*b": "x", "(": "y1", "[a-z]": "z"} | {"q(": "bracket"}, "a.*b aXXb q( m [a-z]", "x aXXb bracket m z"),
        ({SHIP: "ship"}, f"{SHIP} {SHIPS}", f"ship {SHIPS}"),
        ({"caf\u00e9": "kaffay"}, "Cafe\u0301!", "kaffay!"),
        ({"A": "B", "B": "A"}, "A B", "B A"),
        ({"3M": "three em"}, "3M and 33M", "three em and 33M"),
    ],
)
def test_whole_words_the_longest_first_and_by_case(entries: dict[str, str], text: str, aloud: str) -> None:
    entries.pop("(", None)
    assert Lexicon(entries).apply(text, ipa=False) == aloud


def test_phonemes_are_for_voices_that_take_them() -> None:
    lexicon = Lexicon({"Spinny": IPA, "Koramangala": "Kora mangala"})
    assert lexicon.in_ipa == 1
    assert lexicon.apply("Spinny in Koramangala", ipa=True) == f"{IPA} in Kora mangala"
    assert lexicon.apply("Spinny in Koramangala", ipa=False) == "Spinny in Kora mangala"
    assert not is_ipa("and/or") and not is_ipa("/ /") and not is_ipa("//")


@pytest.mark.parametrize(
    ("word", "aloud"),
    [
        ("", "x"),
        ("  ", "x"),
        ("x", ""),
        ("x", " "),
        ("!?", "x"),
        ("x" * (LONGEST + 1), "x"),
        ("x", "y" * (LONGEST + 1)),
    ],
)
def test_an_entry_that_is_of_no_use_is_named(word: str, aloud: str) -> None:
    with pytest.raises(ValueError, match="allowed: a word"):
        Lexicon({word: aloud})


def test_too_many_entries_are_refused_and_the_most_cost_little() -> None:
    with pytest.raises(ValueError, match=f"allowed: {MOST_ENTRIES}"):
        Lexicon({f"word{number}": "x" for number in range(MOST_ENTRIES + 1)})
    lexicon = Lexicon({" ".join(["a"] * 50 + [str(number)]): "x" for number in range(MOST_ENTRIES)})
    began = time.process_time()
    lexicon.apply("a " * 2000, ipa=False)
    assert time.process_time() - began < 2


@given(
    st.dictionaries(st.text("abc", min_size=1), st.text(min_size=1), max_size=5), st.text("xyz .,/\\[*\n\u0301\u0936")
)
def test_what_is_not_in_the_lexicon_stays_as_it_is(entries: dict[str, str], text: str) -> None:
    try:
        lexicon = Lexicon(entries)
    except ValueError:
        return
    said, written = (unicodedata.normalize("NFC", each) for each in (lexicon.apply(text, ipa=True), text))
    assert said == written


@given(st.dictionaries(st.text(), st.text(), max_size=5), st.text())
def test_no_entry_and_no_text_raises_anything_but_a_value_error(entries: dict[str, str], text: str) -> None:
    with suppress(ValueError):
        Lexicon(entries).apply(f"{text} {' '.join(entries)}", ipa=False)
