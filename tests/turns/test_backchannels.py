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
        ("[en]\ncommand = []", "en.*backchannels, commands, line_checks"),
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


CHECKS = {
    "en": ("Hello? Are you still there?", "Hello, are you open?"),
    "de": ("Hallo? Sind Sie noch da?", "Hallo, ich habe eine Frage."),
    "es": ("¿Hola? ¿Sigue ahí?", "Hola, quiero una mesa."),
    "fr": ("Allô ? Vous êtes toujours là ?", "Allô, je voudrais une table."),
    "it": ("Pronto? C'è qualcuno?", "Pronto, vorrei un tavolo."),
    "pt": ("Alô? Você ainda está aí?", "Alô, eu queria uma mesa."),
    "nl": ("Hallo? Bent u er nog?", "Hallo, ik heb een vraag."),
    "hi": ("हेलो? क्या आप सुन रहे हैं?", "हेलो, मुझे एक टेबल चाहिए"),
}


@pytest.mark.parametrize("language", CHECKS)
def test_a_caller_asks_whether_anybody_is_there(language: str) -> None:
    check, question = CHECKS[language]
    known = shipped()
    assert known.is_line_check(check, language, partial=False)
    assert not known.is_line_check(question, language, partial=True)
    words = check.split()
    for count in range(1, len(words) + 1):
        assert known.is_line_check(" ".join(words[:count]), language, partial=True)


@pytest.mark.parametrize(
    ("text", "partial", "is_one"),
    [
        ("Uh, hello?", False, True),
        ("Hello hello hello", False, True),
        ("Hello, are you", False, False),
        ("Hello, are you", True, True),
        ("are you sure", True, False),
        ("mm-hm", False, False),
        ("yeah", True, False),
        ("", True, False),
        ("stop, are you there", False, False),
        ("hello " * 5000, True, True),
    ],
)
def test_it_is_all_that_they_say(text: str, partial: bool, is_one: bool) -> None:
    assert shipped().is_line_check(text, "English", partial=partial) is is_one
