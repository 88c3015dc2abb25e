"""The voices of a profile on a call: which of them speaks, in which language, and what it reads."""

import pytest
from sounding import Chorus, English, German, Hindi, HindiOnly, Sounding

from bot.api import Tts
from bridge.speaking.voices.choice import key_of
from bridge.speaking.voices.lexicon import Lexicon
from bridge.speaking.voices.voice import Voice
from bridge.speaking.voices.voices import CallVoices, Voices

ORDER = "\u0906\u092a\u0915\u093e order 4 \u0926\u093f\u0928"


def voices(*tts: Sounding, default: Tts | None = None, **lexicons: Lexicon) -> Voices:
    named = {key_of(each.language): Voice(type(each).__name__, each) for each in tts}
    return Voices(Voice("default", default or English()), named, {key_of(key): each for key, each in lexicons.items()})


def said(call: CallVoices, text: str) -> list[str]:
    return [f"{one.voice.name}: {one.aloud}" for one in call.renditions(text)]


def test_the_language_of_the_call_decides_who_speaks_and_how_figures_are_read() -> None:
    call = CallVoices(voices(German(), Hindi()))
    assert said(call, "It is 5.")[0] == "default: It is five."
    call.language = "German"
    assert said(call, "Es ist 5.")[0] == "German: Es ist fünf."
    call.language = ""
    assert call.language == "English" and call.now.name == "default"


def test_a_sentence_in_another_script_is_read_in_the_language_of_its_voice() -> None:
    call = CallVoices(voices(German(), Hindi()))
    call.language = "German"
    assert said(call, ORDER)[0] == "Hindi: \u0906\u092a\u0915\u093e order \u091a\u093e\u0930 \u0926\u093f\u0928"


def test_latin_letters_in_a_hindi_call_stay_with_the_voice_that_has_both() -> None:
    call = CallVoices(voices(Hindi()), language="Hindi")
    assert said(call, "Aapka order 5 din me aayega.")[0] == "Hindi: Aapka order five din me aayega."
    alone = CallVoices(voices(HindiOnly()), language="Hindi")
    assert said(alone, "Aapka order 5 din me aayega.") == ["default: Aapka order five din me aayega."]


def test_the_bot_follows_the_caller_to_languages_that_have_a_voice_until_it_sets_one() -> None:
    call = CallVoices(voices(German()))
    call.follow("de")
    assert (call.language, call.now.name) == ("de", "German")
    call.follow("French")
    assert (call.language, call.now.name) == ("English", "default")
    call.language = "English"
    call.follow("German")
    assert call.now.name == "default"


def test_with_one_voice_a_call_stays_in_its_language() -> None:
    call = CallVoices(Voices.of(English()))
    call.follow("German")
    assert call.language == "English"
    assert CallVoices(Voices.of(Sounding())).language == ""


def test_a_call_begins_in_the_language_that_is_expected_where_a_voice_speaks_it() -> None:
    assert voices(German()).begins_in("German") == "German"
    assert voices(German()).begins_in("French") == voices(German()).begins_in("") == "English"
    assert Voices.of(English()).begins_in("German") == "English"


def test_a_bot_names_a_voice_of_the_settings_or_another_of_an_engine() -> None:
    call = CallVoices(voices(German(), default=Chorus()))
    call.set_voice("German")
    assert call.now.name == "German"
    call.set_voice("default")
    assert call.now.name == "default"
    first = call.now
    call.set_voice("ana")
    assert call.now is not first and call.now.language == "Spanish"
    with pytest.raises(RuntimeError, match="there are ana and bo"):
        call.set_voice("cleo")
    chorus = CallVoices(Voices(Voice("x", English()), {"es": Voice("chorus:bo", Chorus())}))
    chorus.set_voice("chorus:ana")
    assert chorus.now.language == "Spanish"
    with pytest.raises(RuntimeError, match=r"no voice 'nobody'.*has one only"):
        CallVoices(voices()).set_voice("nobody")


def test_a_voice_that_a_bot_chose_is_for_the_language_that_was_spoken_then() -> None:
    call = CallVoices(voices(German(), Hindi()))
    call.set_voice("Hindi")
    assert said(call, "Hello.")[0] == "Hindi: Hello."
    call.language = "German"
    assert call.now.name == "German"
    call.language = "English"
    assert call.now.name == "Hindi"


def test_the_lexicon_of_the_language_is_applied_after_figures_were_put_in_words() -> None:
    lexicon = Lexicon({"Spinny": "Spinnee", "five": "fife"})
    call = CallVoices(voices(German(), english=lexicon, german=Lexicon({"Spinny": "Schpinni"})))
    assert said(call, "Spinny has 5.")[0] == "default: Spinnee has fife."
    call.language = "German"
    assert said(call, "Spinny hat 5.")[0] == "German: Schpinni hat fünf."


def test_the_summary_says_who_speaks_what() -> None:
    assert list(voices(German()).summary()) == ["default: English", "German: German"]
    assert list(Voices.of(Sounding()).summary()) == ["Sounding: its language is not known"]
