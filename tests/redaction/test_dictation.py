"""Card numbers that are said in several utterances."""

import random
from collections.abc import Sequence

import pytest
from card_numbers import LANGUAGES, card_number, is_luhn, written

from bridge.redaction.dictation import Dictation
from bridge.redaction.redactor import Redactor


def kept(*said: str, gap_s: float = 3.0) -> Sequence[str]:
    """Return what is kept of utterances in the end, `gap_s` after one another."""
    dictation: Dictation[int] = Dictation(Redactor(["cards"]), longest_gap_s=120)
    texts: dict[int, str] = {}
    for number, text in enumerate(said):
        for part in dictation.add(number, text, number * gap_s):
            texts[part.key] = dictation.redacted(part)
    return [texts[number] for number in range(len(said))]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["My card is 4111 1111.", "1111 1111."], ["My card is [card].", "[card]."]),
        (["Four one one one", "one one one one one", "one one one one one one", "one."], ["[card]"] * 3 + ["[card]."]),
        (["41111111", "Okay, and then 1111", "and the last four are 1111, right?"], None),
        (["4111 1111", "Hold on, one second.", "Let me see.", "double one 11 1111"], None),
        (["four triple", "one one one one one one one one one one one one one"], None),
        (["forty", "one eleven eleven eleven", "eleven eleven eleven eleven"], None),
        (["It expires in 2027 and the number is 4111 1111", "1111 1111"], None),
        (["4 1 1 1 1 1 1 1", "1 1 1 1 1 1 1 1, 12 27"], None),
        (["Meine Karte ist vier eins eins eins, dreimal die", "eins, eins und dann noch acht mal die Eins"], None),
    ],
)
def test_a_number_over_several_utterances_is_taken_out_of_all_of_them(
    said: Sequence[str], told: Sequence[str] | None
) -> None:
    found = kept(*said)
    assert told is None or found == told
    assert not [text for text in found if "11" in text or "one one" in text or "eleven" in text or "Eins" in text]
    assert "[card]" in found[0]
    assert "[card]" in found[-1]


@pytest.mark.parametrize(
    "said",
    [
        ["My order is 12345678.", "And my phone is 555 123 4567."],
        ["94110", "555 123 4567"],
        ["12.05.2026", "13.05.2026 at 10:30", "5 people"],
        ["one", "two", "three", "yes, four", "on the fifth of May"],
        ["4111 1111", "no, I mean my phone: 1111 1111"],
    ],
)
def test_numbers_that_follow_one_another_stay(said: Sequence[str]) -> None:
    assert kept(*said) == said


def test_what_was_said_long_before_is_no_part_of_the_number() -> None:
    assert kept("4111 1111", "1111 1111", gap_s=121) == ["4111 1111", "1111 1111"]


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_card_number_survives_any_cutting_into_utterances(code: str) -> None:
    chance = random.Random(code)
    for _ in range(150):
        digits = card_number(chance)
        groups = written(chance, digits, code)
        said = [""]
        for word, _ in groups:
            if said[-1] and chance.random() < chance.choice((0.1, 0.3, 1)):
                said.append("")
            said[-1] += f" {word}"
        assert all(text.strip(" .,-").startswith("[card]") for text in kept(*said)), said
        assert all(text.replace("[card]", "").strip(" .,-") == "" for text in kept(*said)), said


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_fails_the_check_stays_in_any_cutting_into_pieces_of_figures(code: str) -> None:
    chance = random.Random(code)
    for _ in range(150):
        digits = "".join(chance.choices("0123456789", k=chance.randint(4, 12)))
        cuts = sorted(chance.sample(range(1, len(digits)), k=chance.randint(0, 3)))
        said = [digits[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(digits)], strict=True)]
        assert kept(*said) == said
    assert not is_luhn("4111111111111112")
    assert kept("41111111", "11111112") == ["41111111", "11111112"]


def test_a_phone_and_an_address_beside_it_are_taken_out_as_ever() -> None:
    dictation: Dictation[int] = Dictation(Redactor(["cards", "phones", "emails"]), longest_gap_s=60)
    dictation.add(1, "a@b.de, +49 170 1234567, 4111 1111", 0)
    assert [dictation.redacted(part) for part in dictation.add(2, "1111 1111", 1)] == [
        "[email], [phone], [card]",
        "[card]",
    ]


def test_without_cards_nothing_is_held() -> None:
    dictation: Dictation[int] = Dictation(Redactor(["emails"]), longest_gap_s=60)
    assert [dictation.redacted(part) for part in dictation.add(1, "4111 1111", 0)] == ["4111 1111"]
    assert not list(dictation.keys)
