# ruff: noqa: RUF001 - sentences of many scripts
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sentences import EARLY, LONGEST, SentenceCutter, sentences


def cut(*fragments: str, eager: bool = False) -> list[str]:
    cutter = SentenceCutter(eager=eager)
    whole = [sentence for fragment in fragments for sentence in cutter.feed(fragment)]
    return whole + cutter.flush()


def without_space(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("It costs 3.5 euros. Good.", ["It costs 3.5 euros.", "Good."]),
        ("Dr. Smith met Mrs. Jones. Hi.", ["Dr. Smith met Mrs. Jones.", "Hi."]),
        ("J. K. Rowling wrote it. The U.S. Army read it.", ["J. K. Rowling wrote it.", "The U.S. Army read it."]),
        ("So do I. Good.", ["So do I.", "Good."]),
        ("Fruit, e.g. apples, i.e. food. Yes.", ["Fruit, e.g. apples, i.e. food.", "Yes."]),
        (
            "We open at 9 a.m. and close at 5 p.m. On Sunday too.",
            ["We open at 9 a.m. and close at 5 p.m.", "On Sunday too."],
        ),
        ("No. 5 is on Jan. 3 at most. No. Never.", ["No. 5 is on Jan. 3 at most.", "No.", "Never."]),
        (
            "At 9:30 see www.example.com/a?b=c. Or mail a.b@example.com! Bye",
            ["At 9:30 see www.example.com/a?b=c.", "Or mail a.b@example.com!", "Bye"],
        ),
        ("1. Apples. 2. Pears.", ["1. Apples.", "2. Pears."]),
        ("I have 5. Really.", ["I have 5.", "Really."]),
        (
            'He said "stop." Then (so what?) he left. **Bold!** End',
            ['He said "stop."', "Then (so what?)", "he left.", "**Bold!**", "End"],
        ),
        ("What?! No... Well…  yes", ["What?!", "No...", "Well…", "yes"]),
        ("Title\nfirst line\r\n\r\nsecond", ["Title", "first line", "second"]),
        ("你好。你叫什么名字？「好！」再见", ["你好。", "你叫什么名字？", "「好！」", "再见"]),
        ("नमस्ते। आप कैसे हैं? ठीक", ["नमस्ते।", "आप कैसे हैं?", "ठीक"]),
        ("آپ کیسے ہیں؟ ٹھیک۔ اچھا", ["آپ کیسے ہیں؟", "ٹھیک۔", "اچھا"]),
        ("", []),
        (" \n\t ", []),
        (". . !", [".", ".", "!"]),
    ],
)
def test_text_is_cut_into_its_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected
    assert cut(*text) == expected


def test_a_sentence_is_given_out_as_soon_as_white_space_follows_it() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("Hello") == []
    assert cutter.feed(".") == []
    assert cutter.feed(" ") == ["Hello."]


def test_an_ideographic_stop_ends_a_sentence_when_the_next_character_is_seen() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("「你好。") == []
    assert cutter.feed("」") == []
    assert cutter.feed("再") == ["「你好。」"]


def test_a_newline_ends_a_sentence_at_once() -> None:
    assert SentenceCutter().feed("Opening hours\n") == ["Opening hours"]


def test_an_abbreviation_that_may_end_a_sentence_waits_for_the_next_letter() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("At 5 p.m. ") == []
    assert cutter.feed("W") == ["At 5 p.m."]


def test_the_first_sentence_ends_early_at_a_clause_and_later_ones_do_not() -> None:
    clause = "Thank you for calling the corner shop today,"
    assert len(clause) >= EARLY
    assert cut(f"{clause} how can I help? {clause} again.", eager=True) == [
        clause,
        "how can I help?",
        f"{clause} again.",
    ]


def test_a_short_clause_does_not_end_the_first_sentence() -> None:
    assert cut("Well, yes, of course, it is.", eager=True) == ["Well, yes, of course, it is."]


def test_a_number_with_a_thousands_comma_is_not_cut_early() -> None:
    text = "The whole bill for last month comes to 12,345 euros."
    assert cut(text, eager=True) == [text]


def test_a_run_without_a_sentence_end_is_cut_at_its_last_clause() -> None:
    run = "one two three four five, " * 20
    pieces = cut(run)
    assert all(piece.endswith(",") and len(piece) <= LONGEST for piece in pieces)
    assert len(pieces) <= len(run) // (LONGEST - 25) + 1


def test_a_run_without_punctuation_is_cut_between_words() -> None:
    pieces = cut("word " * 100)
    assert {word for piece in pieces for word in piece.split()} == {"word"}
    assert max(map(len, pieces)) <= LONGEST


def test_a_run_without_spaces_is_cut_before_a_whole_character() -> None:
    pieces = cut("กี่" * 200)
    assert max(map(len, pieces)) <= LONGEST
    assert {piece[0] for piece in pieces} == {"ก"}


@pytest.mark.parametrize("text", ["." * 5000, "!? " * 2000, "\u0301" * 1000, "p.m." + " " * 1000 + "x", "," * 1000])
def test_hostile_runs_are_cut_in_bounded_pieces_and_lose_nothing(text: str) -> None:
    pieces = cut(text)
    assert without_space("".join(pieces)) == without_space(text)
    assert max(map(len, pieces)) <= LONGEST
    assert cut(*text) == pieces


TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *" .!?,;:'\")\n。，」।-—IaZ5",
                ". ",
                "p.m.",
                "Dr.",
                "etc. ",
                "3.5",
                "No. ",
                "…",
                "word ",
                "word, ",
                "w" * 60,
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=80,
).map("".join)


@given(text=TEXT, eager=st.booleans())
def test_no_text_is_lost_invented_or_longer_than_allowed(text: str, eager: bool) -> None:
    pieces = cut(text, eager=eager)
    assert without_space("".join(pieces)) == without_space(text)
    assert all(piece == piece.strip() and 0 < len(piece) <= LONGEST for piece in pieces)


@given(text=TEXT, cuts=st.lists(st.integers(0, 400)), eager=st.booleans())
def test_how_text_is_fragmented_makes_no_difference(text: str, cuts: list[int], eager: bool) -> None:
    edges = [0, *sorted(cuts), len(text)]
    fragments = [text[begin:end] for begin, end in pairwise(edges)]
    fragments[-1:] = [text[edges[-2] :]]
    assert cut(*fragments, eager=eager) == cut(text, eager=eager) == cut(*text, eager=eager)


class Source:
    """Writes fragments and remembers how far it got and whether it was closed."""

    def __init__(self, fragments: Sequence[str]) -> None:
        self.fragments, self.written, self.closed = fragments, 0, False

    async def write(self) -> AsyncIterator[str]:
        try:
            for fragment in self.fragments:
                self.written += 1
                yield fragment
        finally:
            self.closed = True


async def test_sentences_come_while_the_rest_is_being_written() -> None:
    source = Source(["Hel", "lo. ", "How are", " you?"])
    spoken = sentences(source.write())
    assert await anext(spoken) == "Hello."
    assert source.written == 2
    assert [sentence async for sentence in spoken] == ["How are you?"]
    assert source.closed


async def test_closing_the_sentences_closes_their_source() -> None:
    source = Source(["One. ", "Two. ", "Three."])
    spoken = sentences(source.write())
    await anext(spoken)
    await spoken.aclose()
    assert source.closed
    assert source.written == 1


async def test_a_plain_iterator_is_a_source_too() -> None:
    class Words:
        def __init__(self) -> None:
            self.left = ["Yes. ", "No."]

        def __aiter__(self) -> "Words":
            return self

        async def __anext__(self) -> str:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    assert [sentence async for sentence in sentences(Words())] == ["Yes.", "No."]


async def test_a_failing_source_fails_after_what_was_whole() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "Fine. And th"
        raise ConnectionError("lost")

    spoken = sentences(broken())
    assert await anext(spoken) == "Fine."
    with pytest.raises(ConnectionError, match="lost"):
        await anext(spoken)


WHOLE = [
    ("German", "Ihr Termin ist am 16. Januar 2026 um 9:30 Uhr."),
    ("German", "Der 3. Oktober ist ein Feiertag."),
    ("German", "Am 1. und 2. Mai ist die 2. Klasse im 4. Stock zu."),
    ("German", "Bitte bringen Sie z. B. Ihren Ausweis mit."),
    ("German", "Hr. Müller, Fr. Weber und Prof. Dr. Schmidt wohnen in der Hauptstr. 5."),
    ("German", "Es kostet ca. 5 Euro bzw. Nr. 7 inkl. Versand etwas mehr."),
    ("German", "Das war 44 v. Chr. in Rom, d. h. vor langer Zeit, z.B. im März."),
    ("Spanish", "El Sr. López y la Sra. García viven en el núm. 5, pág. 4."),
    ("Spanish", "Viaja a EE. UU. mañana, a las 9 a. m. o a las 5 p. m. hoy."),
    ("Spanish", "Traiga algo, p. ej. su DNI, a la Avda. América."),
    ("French", "Prenez p. ex. le bus de M. Dupont, 5 av. Foch."),
    ("French", "Mme. Durand et MM. Petit sont nés en 50 av. J.-C. à Rome."),
    ("Italian", "Il Sig. Rossi e il Dott. Bianchi sono qui, art. 5."),
    ("Dutch", "Dhr. de Vries en mevr. Jansen nemen bijv. uw paspoort mee."),
    ("Portuguese", "O Sr. Silva e a Dra. Souza moram na Av. Paulista."),
    ("English", "Ph.D. students live on Ft. Worth Ave. near Apt. 4B."),
    ("English", "It is approx. 5 miles from St. Paul to Mt. Hood, e.g. by bus."),
    ("Hindi", "डॉ. शर्मा और श्री. वर्मा कल मिलेंगे।"),
]


@pytest.mark.parametrize(("language", "text"), WHOLE)
def test_ordinals_and_abbreviations_of_each_language_end_no_sentence(language: str, text: str) -> None:
    for named in (language, ""):
        cutter = SentenceCutter(eager=False, language=named)
        assert [part for letter in text for part in cutter.feed(letter)] + cutter.flush() == [text]


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("German", "Es kostet 5.", "Danach mehr."),
        ("German", "Wir haben bis 8.", "Kommen Sie!"),
        ("German", "Äpfel, Birnen usw.", "Danach gehen wir."),
        ("Spanish", "Vive en EE. UU.", "Mañana vuelve."),
        ("Spanish", "Abrimos a las 9 a. m.", "Cerramos tarde."),
        ("French", "Du pain, du vin, etc.", "Ensuite on part."),
        ("Italian", "Pane, vino, ecc.", "Poi andiamo."),
        ("English", "It is 5.", "January was cold."),
        ("English", "I live on Fifth Ave.", "Come by."),
        ("English", "Come on.", "Let us go."),
        ("", "Come on.", "Let us go."),
        ("Hindi", "नमस्ते।", "आप कैसे हैं?"),
    ],
)
def test_sentences_still_end_there(language: str, first: str, second: str) -> None:
    cutter = SentenceCutter(eager=False, language=language)
    text = f"{first} {second}"
    assert [part for letter in text for part in cutter.feed(letter)] + cutter.flush() == [first, second]


@pytest.mark.parametrize("language", ["English", "Spanish", "Hindi"])
def test_a_number_at_the_end_waits_for_nothing_where_dots_make_no_ordinals(language: str) -> None:
    cutter = SentenceCutter(language=language)
    assert cutter.feed("It is 5. ") == ["It is 5."]
