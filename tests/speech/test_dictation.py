"""What kind of words the caller has said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.dictation import Kind, Reading, is_question, read


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.NOTHING),
        ("... ?!", Kind.NOTHING),
        ("Yes.", Kind.ANSWER),
        ("yes please", Kind.ANSWER),
        ("No, thank you.", Kind.ANSWER),
        ("Yes, that's right.", Kind.ANSWER),
        ("Yes, that is right.", Kind.ANSWER),
        ("No, it is not.", Kind.ANSWER),
        ("No, that is not mine.", Kind.FINISHED),
        ("uh-huh", Kind.ANSWER),
        ("Five.", Kind.ANSWER),
        ("twenty", Kind.ANSWER),
        ("12", Kind.ANSWER),
        ("Yes, but", Kind.UNFINISHED),
        ("No I", Kind.UNFINISHED),
        ("Yes, um", Kind.UNFINISHED),
        ("Um.", Kind.UNFINISHED),
        ("You know.", Kind.UNFINISHED),
        ("Please enter the.", Kind.UNFINISHED),
        ("I would like to", Kind.UNFINISHED),
        ("The conference has...", Kind.UNFINISHED),
        ("On Monday,", Kind.UNFINISHED),
        ("That is what it is.", Kind.FINISHED),
        ('He said "no way."', Kind.FINISHED),
        ("I'm at home.", Kind.FINISHED),
        ("That's the point.", Kind.FINISHED),
        ("Who are you looking for?", Kind.QUESTION),
        ("all our agents", Kind.OPEN),
        ("other participants", Kind.OPEN),
        ("the 10th of May", Kind.OPEN),
    ],
)
def test_english(text: str, kind: Kind) -> None:
    assert read(text, "English").kind is kind


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("My number is 555", 3),
        ("555-0134.", 7),
        ("five five five", 3),
        ("oh one seven double two", 5),
        ("It's 4 4 seventeen", 4),
        ("nine nine, um", 2),
        ("555 0134, uh", 7),
    ],
)
def test_digits_at_the_end_are_counted(text: str, digits: int) -> None:
    reading = read(text, "English")
    assert reading.digits == digits
    assert reading.kind is (Kind.DIGITS if digits > 2 else Kind.UNFINISHED)


@pytest.mark.parametrize("text", ["I have 3 dogs.", "555 is my code.", "In the 1990s.", "2nd floor."])
def test_digits_elsewhere_are_no_dictation(text: str) -> None:
    assert read(text, "English") == Reading(Kind.FINISHED)


@pytest.mark.parametrize(
    "text",
    ["B-A-U", "My name is B A U.", "It's B, A", "B as in boy", "d for david", "Alpha Bravo", "capital b as in boy"],
)
def test_spelling(text: str) -> None:
    assert read(text, "English").kind is Kind.SPELLING


@pytest.mark.parametrize("text", ["Vitamin C.", "I do.", "Plan B", "A dog as in the film."])
def test_single_letters_are_no_spelling(text: str) -> None:
    assert read(text, "English").kind is not Kind.SPELLING


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("john dot smith at", Kind.EMAIL),
        ("john at gmail", Kind.EMAIL),
        ("john dot smith at example dot", Kind.EMAIL),
        ("john@", Kind.EMAIL),
        ("It's john.smith@example", Kind.EMAIL),
        ("john at gmail dot com", Kind.ADDRESS),
        ("It's john.smith@example.com.", Kind.ADDRESS),
        ("J@MAIL.EXAMPLE.ORG", Kind.ADDRESS),
        ("john@example.com is my address.", Kind.FINISHED),
        ("Look at the dog.", Kind.FINISHED),
        ("See you at eight", Kind.OPEN),
    ],
)
def test_addresses(text: str, kind: Kind) -> None:
    assert read(text, "English").kind is kind


@pytest.mark.parametrize(
    ("text", "language", "kind"),
    [
        ("Ja, genau.", "German", Kind.ANSWER),
        ("nee danke", "de", Kind.ANSWER),
        ("Meine Nummer ist null eins sieben", "German", Kind.DIGITS),
        ("B wie Berta", "German", Kind.SPELLING),
        ("max punkt muster klammeraffe", "German", Kind.EMAIL),
        ("Ich möchte, dass", "German", Kind.UNFINISHED),
        ("STRASSE oder", "German", Kind.UNFINISHED),
        ("Auf Wiederhören!", "German", Kind.ANSWER),
        ("Nein, das ist nicht richtig.", "German", Kind.ANSWER),
        ("हाँ जी", "Hindi", Kind.ANSWER),
        ("नहीं।", "Hindi", Kind.ANSWER),
        ("ji haan", "Hindi", Kind.ANSWER),
        ("नौ आठ सात", "Hindi", Kind.DIGITS),
        ("९८७६", "Hindi", Kind.DIGITS),
        ("मेरा नाम राहुल है।", "Hindi", Kind.FINISHED),
        ("और", "Hindi", Kind.UNFINISHED),
        ("Oui, bien sûr.", "French", Kind.ANSWER),
        ("peut-être", "French", Kind.ANSWER),
        ("jean arobase", "French", Kind.OPEN),
        ("jean point dupont arobase", "French", Kind.EMAIL),
        ("Sí, claro.", "Spanish", Kind.ANSWER),
        ("No, eso no es.", "Spanish", Kind.FINISHED),
        ("Sí, eso es correcto.", "Spanish", Kind.ANSWER),
        ("¿Cuándo?", "Spanish", Kind.QUESTION),
        ("va bene", "Italian", Kind.ANSWER),
        ("Ja hoor, dat klopt", "Dutch", Kind.OPEN),
        ("Sim, por favor.", "Portuguese", Kind.ANSWER),
        ("好的。", "Chinese", Kind.FINISHED),
        ("什么\uff1f", "Chinese", Kind.QUESTION),
        ("كيف؟", "Arabic", Kind.QUESTION),
        ("yes and", "Klingon", Kind.OPEN),
        ("555 0134", "", Kind.DIGITS),
        ("jo@example", "", Kind.EMAIL),
    ],
)
def test_other_languages_and_none(text: str, language: str, kind: Kind) -> None:
    assert read(text, language).kind is kind


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert read("si\u0301", "Spanish") == read("sí", "Spanish") == Reading(Kind.ANSWER)


@given(st.text(max_size=60), st.sampled_from(["English", "German", "Hindi", "Chinese", "", "?"]))
def test_whatever_the_recogniser_writes_is_of_some_kind(text: str, language: str) -> None:
    reading = read(text, language)
    assert reading.digits >= 0
    assert (reading.kind is Kind.DIGITS) <= (reading.digits > 2)


@pytest.mark.parametrize("piece", ["a ", "@", "a@", "dot at ", "5 ", "A-", "-", "um ", "\u0301", "\x00", "no "])
def test_a_text_of_any_length_is_read_at_once(piece: str) -> None:
    """Only its end counts: a hostile text costs no more than a long sentence."""
    assert read(piece * 100_000, "English") == read(piece * 1000, "English")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Is that right?", True),
        ('Did you say "no?"', True),
        ("Ja? ", True),
        ("なぜ\uff1f", True),
        ("", False),
        ("Is it? Good.", False),
    ],
)
def test_a_question_is_what_the_bot_says_last(text: str, asked: bool) -> None:
    assert is_question(text) is asked
