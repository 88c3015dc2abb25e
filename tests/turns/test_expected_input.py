"""What the bot's own words make it expect."""

import pytest

from bot.api import Expect, Say
from bridge.turns.endpointing import Expected
from bridge.turns.expected_input import ExpectedInput


def expected(*texts: str) -> Expected:
    reply = ExpectedInput()
    for text in texts:
        reply.add(text)
    return reply.expected


def test_who_says_nothing_expects_anything() -> None:
    assert expected() == Expected()


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        (["Would you like that?"], True),
        (["Would you ", "like", " that", "?"], True),
        (["Would you like that? ", "I can wait."], False),
        (["x " * 500, "really?"], True),
        (["Thank you."], False),
    ],
)
def test_a_question_is_seen_however_it_was_written(texts: list[str], asked: bool) -> None:
    assert expected(*texts) == Expected(asked=asked)


def test_what_the_bot_says_it_expects_is_expected() -> None:
    said = Say("Please say your number.", expect="digits", digits=10)
    assert expected("All right. ", said) == Expected(Expect.DIGITS, 10)


def test_it_holds_to_the_end_of_the_reply_and_the_last_counts() -> None:
    number, name = Say("Your number?", expect="digits", digits=3), Say("Or your name?", expect="name")
    assert expected(number, " Take your time.") == Expected(Expect.DIGITS, 3)
    assert expected(number, name) == Expected(Expect.NAME, asked=True)
