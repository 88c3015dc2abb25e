"""What callers say over the bot that interrupts it always, or never."""

import pytest

from bridge.turns.backchannels import Meaning, parse, shipped

LISTS = '[any]\nbackchannels = ["mm"]\n[en]\nbackchannels = ["yeah", "i see"]\ncommands = ["hold on"]\n'


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", Meaning.NOTHING),
        (" ... ", Meaning.NOTHING),
        ("Mm.", Meaning.BACKCHANNEL),
        ("YEAH, I see... mm", Meaning.BACKCHANNEL),
        ("I", Meaning.WORDS),
        ("I see you", Meaning.WORDS),
        ("yeah but hold-on please", Meaning.COMMAND),
        ("hold it on", Meaning.WORDS),
        ("\ud800\x00", Meaning.NOTHING),
        ("yeah " * 5000, Meaning.BACKCHANNEL),
    ],
)
def test_a_text_means(text: str, meaning: Meaning) -> None:
    assert parse(LISTS).meaning(text, "English") is meaning


def test_a_language_without_lists_has_those_of_all() -> None:
    backchannels = parse(LISTS)
    assert backchannels.meaning("mm", "Klingon") is Meaning.BACKCHANNEL
    assert backchannels.meaning("yeah", "") is Meaning.WORDS


def test_what_is_added_counts_in_every_language_and_goes_before_what_is_there() -> None:
    backchannels = parse(LISTS, backchannels=["Hold on"], commands=["Yeah", "Feierabend"])
    assert backchannels.meaning("hold on", "English") is Meaning.BACKCHANNEL
    assert backchannels.meaning("yeah", "English") is Meaning.COMMAND
    assert backchannels.meaning("feierabend", "German") is Meaning.COMMAND


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[xx]\ncommands = []", "xx.*no language code"),
        ("[en]\ncommand = []", "en.*backchannels and commands"),
        ("en = 5", "en.*lists named"),
        ('[en]\ncommands = "stop"', "en.*commands"),
        ('[en]\ncommands = ["!"]', "en.*commands"),
        ("[en]\ncommands = [5]", "en.*commands"),
        ("]]", "line 1"),
    ],
)
def test_what_is_no_list_is_refused_and_named(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse(text)


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "it", "pt", "nl", "hi"])
def test_a_language_that_is_shipped_knows_both(language: str) -> None:
    yes = {"en": "yeah", "de": "genau", "es": "claro", "fr": "d'accord", "it": "certo", "pt": "certo", "nl": "precies"}
    no = {"en": "wait", "de": "warte", "es": "espera", "fr": "attendez", "it": "aspetta", "pt": "espera", "nl": "wacht"}
    backchannels = shipped()
    assert backchannels.meaning(yes.get(language, "अच्छा"), language) is Meaning.BACKCHANNEL
    assert backchannels.meaning(no.get(language, "रुको"), language) is Meaning.COMMAND
