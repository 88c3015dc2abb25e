"""From tokens to what is to be said, and how."""

from bot.actions import Action, SetLanguage, SetVoice
from bot.api import Say
from bot.webhook.conversation_relay.dialect import Token
from bot.webhook.conversation_relay.settings import InterruptedBy, RelaySettings
from bot.webhook.conversation_relay.token_speech import TokenSpeech


def said(*tokens: Token, settings: RelaySettings | None = None) -> list[str | Action]:
    speech, how = TokenSpeech(), settings or RelaySettings()
    return [piece for token in tokens for piece in speech.feed(token, how)] + list(speech.flush(how))


def test_tokens_of_a_sentence_are_one_sentence_whatever_interrupts_it() -> None:
    for by in InterruptedBy:
        pieces = said(*(Token(word, by) for word in ("This ", "call ", "is ", "recorded", ".")))
        assert pieces == ["This call is recorded."]
        [sentence] = pieces
        assert isinstance(sentence, Say)
        assert (sentence.interruptible, sentence.keys_interrupt) == (by.speech, by.keys)


def test_a_sentence_ends_where_what_interrupts_it_changes() -> None:
    pieces = said(Token("Hello "), Token("this is recorded", InterruptedBy.NONE), Token("so there."))
    assert [(str(p), p.interruptible) for p in pieces if isinstance(p, Say)] == [
        ("Hello", True),
        ("this is recorded", False),
        ("so there.", True),
    ]


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
        "One.",
        "Two.",
        SetLanguage(None, spoken="German"),
        SetVoice("Vicki"),
        "Drei.",
    ]
