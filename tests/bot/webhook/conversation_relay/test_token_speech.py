"""From tokens to what is to be said, and how."""

import pytest

from bot.actions import Action, SetLanguage, SetVoice
from bot.api import Say
from bot.webhook.conversation_relay.dialect import Token
from bot.webhook.conversation_relay.settings import InterruptedBy, RelaySettings
from bot.webhook.conversation_relay.token_speech import TokenSpeech


def said(*tokens: Token, settings: RelaySettings | None = None) -> list[str | Action]:
    speech = TokenSpeech()
    return [piece for token in tokens for piece in speech.say(token, settings or RelaySettings())]


@pytest.mark.parametrize("by", InterruptedBy)
def test_a_token_is_a_piece_that_says_what_interrupts_it(by: InterruptedBy) -> None:
    [piece] = said(Token("This ", by))
    assert piece == "This " and isinstance(piece, Say) and piece.goes_on
    assert (piece.interruptible, piece.keys_interrupt) == (by.speech, by.keys)


def test_a_language_holds_for_its_tokens_only() -> None:
    assert said(Token("Hello."), Token("Guten Tag.", language="de-DE"), Token("Bye.")) == [
        "Hello.",
        SetLanguage(None, spoken="German"),
        "Guten Tag.",
        SetLanguage(None, spoken=""),
        "Bye.",
    ]


def test_the_voice_is_that_of_the_language_and_is_asked_for_once() -> None:
    settings = RelaySettings(voice="Joanna", voices={"de-DE": "Vicki"})
    assert said(Token("One. "), Token("Two."), Token("Drei.", language="de-DE"), settings=settings) == [
        SetVoice("Joanna"),
        "One. ",
        "Two.",
        SetLanguage(None, spoken="German"),
        SetVoice("Vicki"),
        "Drei.",
    ]
