# ruff: noqa: RUF001 - signs of many scripts
"""What only eyes take in is left out, and nothing else."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.spoken import CodeBlocks
from bot.spoken.markup import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Bold**, *it*, __b__, _it_, ~~old~~ and `code`.", "Bold, it, b, it, old and code."),
        ("***All** of it*", "All of it"),
        ("cut **in the middle", "cut in the middle"),
        ("the other half** of it", "the other half of it"),
        ("un**believ**able", "unbelievable"),
        ("2 * 3 and 2*3", "2 * 3 and 2*3"),
        ("snake_case stays", "snake_case stays"),
        ("# Title", "Title"),
        ("### Title ###", "Title"),
        ("> > quoted", "quoted"),
        ("- [x] done", "done"),
        ("* an apple", "an apple"),
        ("3. April", "3. April"),
        ("+1 415", "+1 415"),
        ("-5 degrees", "-5 degrees"),
        ("---", ""),
        ("| a | **b** |\n|---|:--:|\n| 1 | 2 |", "a, b 1, 2"),
        ("[link *text*](https://x.com/a_(b) 'title') behind", "link text behind"),
        ("[text][ref] and [text][]", "text and text"),
        ("[![alt](http://u/i.png)](http://u)!", "alt!"),
        ("[[[deep](a)](b)](c)", "deep"),
        ("[Read more.", "Read more."),
        ("Press [1] for sales", "Press 1 for sales"),
        ("as was shown[^2]", "as was shown"),
        ("as was shown【4:0†source】.", "as was shown."),
        ("<https://a.example> or <a.b@example.com>", "https://a.example or a.b@example.com"),
        ("<b>x</b> a < b and c > d<br/>y <a href='u'>t</a><!-- no -->", "x a < b and c > d y t"),
        ("R&amp;D, AT&T, &#8364;5, &bogus;", "R&D, AT&T, €5, &bogus;"),
        (r"\*not\* \[a link\]", "not a link"),
        (r"C:\temp", r"C:\temp"),
        ("a ```x = '**'``` b", "a  b".replace("  ", " CODE ")),
        ("~~~\nopen to the end", "CODE"),
    ],
)
def test_markup_is_not_read_aloud(text: str, expected: str) -> None:
    assert plain(text, code="CODE") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Thanks 👍🏽! 🎉", "Thanks!"),
        ("a 👨‍👩‍👧‍👦 family 🇮🇳 ❤️", "a family"),
        ("press 1️⃣ or 2️⃣", "press 1 or 2"),
        ("one👍two", "one two"),
        ("A → B ✓", "A B"),
        ("Nice :) and ;-) but (:ok:)", "Nice and but (:ok:)"),
        ("20 °C, № 5, ① ½ ≤ × ÷", "20 °C, № 5, ① ½ ≤ × ÷"),
        ("🎉", ""),
    ],
)
def test_pictures_are_left_out_and_signs_stay(text: str, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "क्‍ष और शक्‌ति",  # with joiners
        "می‌خواهم",
        "مرحبا بالعالم",
        "e\u0301te\u0301",
        "日本語の文です。",
        "Mera order कहाँ है?",
        "Ça va ?",
    ],
)
def test_scripts_keep_all_they_are_written_with(text: str) -> None:
    assert plain(text) == text


def test_what_steers_the_direction_of_text_is_no_text() -> None:
    assert plain("\u202eabc\u202c \u2067שלום\u2069\ufeff\u00ad") == "abc שלום"


@given(st.text())
def test_nothing_invisible_comes_out(text: str) -> None:
    out = plain(text)
    assert not {unicodedata.category(character) for character in out} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert out == out.strip()


# ---------------------------------------------------------------- code over several sentences


def test_a_block_of_code_is_named_once_although_it_is_many_sentences() -> None:
    blocks = CodeBlocks()
    sentences = ["Try this:", "```python", "x = 1.", "y()", "```", "Good?"]
    assert [blocks.outside(sentence) for sentence in sentences] == ["Try this:", "```python", "", "", "", "Good?"]


def test_what_stands_beside_a_fence_is_text() -> None:
    blocks = CodeBlocks()
    assert blocks.outside("Say ```a``` or ```b") == "Say ```a``` or ```b"
    assert blocks.outside("c``` and go on.") == "and go on."
    assert blocks.outside("On we go.") == "On we go."


def test_two_replies_do_not_share_a_block() -> None:
    CodeBlocks().outside("```")
    assert CodeBlocks().outside("Hello.") == "Hello."
