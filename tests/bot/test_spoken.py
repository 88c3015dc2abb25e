# ruff: noqa: RUF001 - figures of many scripts
"""Text for the ear: what a person would say for figures and addresses, and that other text is let be."""

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.spoken import Spoken, spoken, weights
from bot.spoken.languages import RULES

TABLES = sorted((Path(__file__).parents[1] / "data" / "spoken").glob("*.tsv"))

ENGLISH = [
    ("It costs $1,234.50.", "It costs one thousand two hundred thirty-four dollars and fifty cents."),
    ("$1, $0.99, £3.01, -$5.00", "one dollar, ninety-nine cents, three pounds and one penny, minus five dollars"),
    ("$5 million, $1.5M, 500 USD", "five million dollars, one point five million dollars, five hundred dollars"),
    ("₹1,23,456", "one hundred twenty-three thousand four hundred fifty-six rupees"),
    ("¥500 and $1.234", "five hundred yen and one point two three four dollars"),
    ("due on 03/04/2026", "due on March fourth, twenty twenty-six"),
    ("2026-04-03, 31/12/1999", "April third, twenty twenty-six, December thirty-first, nineteen ninety-nine"),
    ("on 3/4 at 9:30", "on March fourth at nine thirty"),
    ("May 3, 2026, Dec. 24", "May third, twenty twenty-six, December twenty-fourth"),
    ("The 3rd of June, 3 April 2026", "The third of June, the third of April, twenty twenty-six"),
    (
        "9:05, 9:30 a.m., 14:00, 00:15, 9am, 12:00",
        "nine oh five, nine thirty a.m., two p.m., twelve fifteen a.m., nine a.m., twelve o'clock",
    ),
    ("call +1 415 555 0100", "call plus one, four one five, five five five, zero one zero zero"),
    ("+14155550100", "plus one, four one five, five five five, zero one zero zero"),
    ("(415) 555-0100", "four one five, five five five, zero one zero zero"),
    ("mail a.b@example.com.", "mail A dot B at example dot com."),
    ("john_doe-42@mail.example.co.in", "john underscore doe dash four two at mail dot example dot CO dot I N"),
    ("See https://www.example.com/help?x=1.", "See example dot com slash help."),
    ("http://u:p@bit.ly:8080/3xYz9!", "bit dot L Y!"),
    ("[us](https://example.com), example.co.uk/contact-us", "us, example dot CO dot U K slash contact dash us"),
    ("50%, 12.5 %, 3.14", "fifty percent, twelve point five percent, three point one four"),
    ("1st, 22nd, 3rd, 114th", "first, twenty-second, third, one hundred fourteenth"),
    ("in 1999, 2005 and 1234", "in nineteen ninety-nine, two thousand five and one thousand two hundred thirty-four"),
    ("1,234,567.89", "one million two hundred thirty-four thousand five hundred sixty-seven point eight nine"),
    ("code 0042, 9876543210", "code zero zero four two, nine eight seven, six five four, three two one zero"),
    ("pages 10-12, -5, 24/7", "pages ten to twelve, minus five, twenty-four seven"),
    ("v1.2.3, B2B, #42, No. 5", "v one dot two dot three, B two B, number forty-two, number five"),
    ("1½ or ¼", "one and a half or one quarter"),
    ("2 * 3, 2×3", "two times three, two times three"),
    ("Call 911. It has 911 rooms.", "Call nine one one. It has nine hundred eleven rooms."),
    ("you & me, AT&T", "you and me, AT&T"),
    ("```py\nx = 1\n```", "a piece of code"),
    ("１２ and ٣", "twelve and three"),
]
OTHERS = [
    ("en-GB", "03/04/2026", "the third of April, twenty twenty-six"),
    ("en-IN", "₹1,23,456", "one lakh twenty-three thousand four hundred fifty-six rupees"),
    ("German", "1.234,50 €, 1€", "eintausendzweihundertvierunddreißig Euro und fünfzig Cent, ein Euro"),
    ("German", "$1,234.50", "eintausendzweihundertvierunddreißig Dollar und fünfzig Cent"),
    ("German", "am 03.04.2026, am 3. Mai", "am dritten April zweitausendsechsundzwanzig, am dritten Mai"),
    ("German", "der 1. April, 14:30 Uhr", "der erste April, vierzehn Uhr dreißig"),
    ("German", "030 1234567", "null drei null, eins zwei drei vier fünf sechs sieben"),
    ("German", "+49 (0) 30 123456", "plus vier neun, drei null, eins zwei drei vier fünf sechs"),
    ("German", "1,5 und 3.5, 5 Mio. €", "eins Komma fünf und drei Punkt fünf, fünf Millionen Euro"),
    ("German", "max@example.de", "max ät example Punkt D E"),
    ("Spanish", "1.234,50 €", "mil doscientos treinta y cuatro euros con cincuenta céntimos"),
    ("Spanish", "21 £, 1er, 2º, 3ª", "veintiuna libras, primer, segundo, tercera"),
    ("Spanish", "el 01/04/2026 a las 9:00", "el primero de abril de dos mil veintiséis a las nueve en punto"),
    ("French", "1 234,50 €", "mille deux cent trente-quatre euros et cinquante centimes"),
    ("French", "5 millions €, 2 milliards $", "cinq millions d'euros, deux milliards de dollars"),
    ("French", "01 23 45 67 89", "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"),
    ("French", "le 1er avril à 14h30", "le premier avril à quatorze heures trente"),
    ("Hindi", "₹1,23,456.50 है", "एक लाख तेईस हज़ार चार सौ छप्पन रुपये पचास पैसे है"),
    ("Hindi", "03/04/2026 तक, १२३ बार", "तीन अप्रैल दो हज़ार छब्बीस तक, एक सौ तेईस बार"),
    ("Hindi", "9:30 बजे, 5वें दिन", "नौ बजकर तीस मिनट, पाँचवें दिन"),
    ("Hindi", "Aapka bill Rs. 500 hai", "Aapka bill five hundred rupees hai"),
    ("Hindi", "आपका order number 42", "आपका order number बयालीस"),
    ("English", "आपके 5 संदेश", "आपके पाँच संदेश"),
]  # fmt: skip
PLAIN = "hello wait I'm well-known café naïve über señor Grüße garçon okay? yes, no. don't"
HINDI = "नमस्ते आपका order कहाँ है? मुझे refund चाहिए। haan ji main theek hoon क्‍ष ठीक, हूँ बहुत अच्छा! kya aap bata sakte hain"
words = st.lists(st.sampled_from(PLAIN.split()), min_size=1).map(" ".join)
hindi = st.lists(st.sampled_from(HINDI.split()), min_size=1).map(" ".join)
languages = st.sampled_from(["English", "en-GB", "German", "Spanish", "French", "Hindi", "Russian", "", "\x00"])
hostile = (
    st.text(st.sampled_from("0123456789" * 3 + " .,:/-+@#$€₹%()[]*_`<>&;|\n\\\u00a0\u200dàaMhé½²①१क्👍\u202e"))
    | st.text()
)


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english_is_said_as_a_person_would(text: str, expected: str) -> None:
    assert spoken(text, "English") == expected


@pytest.mark.parametrize(("language", "text", "expected"), OTHERS)
def test_each_language_says_it_in_its_own_way(language: str, text: str, expected: str) -> None:
    assert spoken(text, language) == expected


def rows(table: Path) -> list[list[str]]:
    return [line.split("\t") for line in table.read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.stem)
def test_the_table_of_each_language_holds(table: Path) -> None:
    wrong = {written: said for written, expected in rows(table) if (said := spoken(written, table.stem)) != expected}
    assert not wrong


def test_each_language_with_a_normaliser_has_a_table_of_at_least_sixty_forms() -> None:
    assert {table.stem[:2] for table in TABLES} == {
        {"es": "sp", "de": "ge"}.get(rules[:2], rules[:2]) for rules in RULES
    }
    assert all(len(dict(rows(table))) >= 60 for table in TABLES)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("English", "Order 5 pizzas and 250 wings.", "Order five pizzas and two hundred fifty wings."),
        ("English", "My account is 30 days late.", "My account is thirty days late."),
        ("English", "The account balance is 1,250.", "The account balance is one thousand two hundred fifty."),
        ("English", "Call 5 people in 300 days.", "Call five people in three hundred days."),
        ("English", "The order is 250 dollars.", "The order is two hundred fifty dollars."),
        ("English", "C# and F#, A+", "C# and F#, A+"),
        ("English", "* item one", "item one"),
        ("English", "# Heading", "Heading"),
        ("English", "*Note* this *very* well", "Note this very well"),
        ("English", "2024-25, 1998-2003", "twenty twenty-four to twenty-five, nineteen ninety-eight to two thousand three"),  # noqa: E501
        ("English", "9-11 or 24/7", "nine to eleven or twenty-four seven"),
        ("German", "Ich habe 5. Danach mehr.", "Ich habe fünf. Danach mehr."),
        ("German", "Das Konto ist 30 Tage alt.", "Das Konto ist dreißig Tage alt."),
        ("Spanish", "La cuenta es de 50 €.", "La cuenta es de cincuenta euros."),
        ("French", "le 15 janvier, à 9 h", "le quinze janvier, à neuf heures"),
        ("Hindi", "खाता 500 रुपये", "खाता पाँच सौ रुपये"),
    ],
)  # fmt: skip
def test_what_is_a_quantity_or_markup_stays_one(language: str, text: str, expected: str) -> None:
    assert spoken(text, language) == expected


def test_the_key_number_sign_is_hash_outside_north_america() -> None:
    assert spoken("Press #.", "en-GB") == "Press hash."
    assert spoken("Press * or #.", "en-IN") == "Press star or hash."


@pytest.mark.parametrize("language", ["Russian", "", "Klingon"])
def test_a_voice_of_another_language_gets_figures_and_addresses_as_they_are(language: str) -> None:
    assert spoken("**5** at a@b.com, $3 👍 ```x```", language) == "5 at a@b.com, $3"


def test_figures_among_other_letters_are_left_to_the_voice() -> None:
    assert spoken("У вас 5 **сообщений**", "English") == "У вас 5 сообщений"
    assert spoken("आपके 5 संदेश", "German") == "आपके 5 संदेश"
    assert spoken("Дмитрий kommt am 3. Mai um 9 Uhr", "German") == "Дмитрий kommt am dritten Mai um neun Uhr"


@pytest.mark.parametrize(
    "text", ["99/99/2026", "2026-13-41", "31/31/2026", "25:61", "Node.js", "e.g. this", "St.John", "a@b", "@home", "x²"]
)
def test_what_only_looks_like_a_date_or_an_address_is_none(text: str) -> None:
    said = spoken(text, "English")
    assert not any(word in said for word in (" dot ", " at ", "January", "o'clock", "a.m.", "twenty-six,"))


def test_what_has_no_sound_is_nothing_to_say() -> None:
    assert spoken("👍", "English") == spoken("***", "English") == spoken(" \n", "English") == ""


def test_numbers_nobody_could_follow_are_said_figure_by_figure() -> None:
    assert spoken("1" * 40, "English").count("one") == 40
    assert spoken("$" + "9" * 5000, "English").count("nine") == 5000
    assert spoken("1," + ",".join(["000"] * 9), "English").startswith("one zero zero, zero")


@given(words, languages)
def test_plain_words_stay_as_they_are(text: str, language: str) -> None:
    assert spoken(text, language) == text


@given(hindi, languages)
def test_hindi_in_both_scripts_stays_as_it_is(text: str, language: str) -> None:
    assert spoken(text, language) == text


@given(hostile, languages)
@example("0" * 19 + "½", "English")
@example("1.000.000,5,5", "German")
@example("$1,2.3,4", "English")
@example("+" + "9 " * 40, "French")
def test_whatever_is_written_comes_out_without_control_characters(text: str, language: str) -> None:
    said = spoken(text, language)
    assert said == " ".join(said.split())
    assert not {unicodedata.category(character) for character in said} & {"Cc", "Cs", "Co"}


@given(hostile.filter(str.isascii), st.sampled_from(["English", "German", "Spanish", "French"]))
def test_no_figure_is_left_for_the_voice_to_guess(text: str, language: str) -> None:
    assert not any(character.isdecimal() for character in spoken(text, language))


@pytest.mark.parametrize(
    "pattern",
    ["*", "1", "[", "](", "](a", " ", "a@", "a.", "1.", "1,", "`", "<a ", "> ", "\u200d", "\u0301", "\u202e", "http://",
     "+1 ", "1/", "1:", "$1 ", "[^", "|a\n", "क्", "👨\u200d", "May 3 ", "0 12 ", "](a \""],
)  # fmt: skip
def test_time_grows_with_the_length_alone(pattern: str) -> None:
    def cpu_s(length: int) -> float:
        text = (pattern * length)[:length]
        began = time.process_time()
        spoken(text, "English")
        return time.process_time() - began

    cpu_s(1000)
    short, long = min(cpu_s(4000) for _ in range(3)), cpu_s(64_000)
    assert long < 16 * 5 * max(short, 0.002), "16 times the text, five times over for noise; squares would be 256 times"


def test_a_megabyte_of_asterisks_is_silence() -> None:
    assert spoken("*" * 1_000_000, "English") == ""


def test_letters_are_counted_as_they_are_spoken() -> None:
    assert weights("Pay $12.50 now 👍", "English", spoken) == [3, len("twelve dollars and fifty cents"), 3, 0]


def test_another_reading_can_take_its_place() -> None:
    def shouted(text: str, language: str, /) -> str:
        return f"{text.upper()} {language}"

    reading: Spoken = shouted
    assert weights("ab c1", "X", reading) == [2, len("C1 X")]
