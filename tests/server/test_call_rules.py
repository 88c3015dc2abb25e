"""From the settings to what interrupts the bot and what it begins early."""

from pathlib import Path

import numpy as np
import pytest

from bridge.plugins import PluginError
from bridge.server.call_rules import call_prompts, interruption_rules, load_phrases, speculation_rules
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED
from bridge.turns.backchannels import Meaning
from bridge.turns.interruption_rules import InterruptionRules
from bridge.turns.no_input import NoInputRules
from bridge.turns.speculation import SpeculationRules


def test_the_defaults_of_the_settings_are_those_of_the_rules() -> None:
    assert interruption_rules(Settings()) == InterruptionRules()
    assert speculation_rules(Settings()) == SpeculationRules()


def test_settings_become_rules_in_milliseconds() -> None:
    settings = Settings(barge_in_duration=0.2, barge_in_confirm=0.5, echo_return=-30.0, speculation_attempts=0)
    rules = interruption_rules(settings)
    assert (rules.onset_ms, rules.confirm_ms, rules.echo.return_db) == (200, 500, -30.0)
    assert speculation_rules(settings).attempts == 0


def test_who_says_nothing_is_asked_after_the_seconds_of_the_settings() -> None:
    prompts = call_prompts(Settings(no_input_timeout=7.5, no_input_prompts=1, goodbye_text="Bye."))
    assert prompts.no_input == NoInputRules(7500, 1) and prompts.goodbye == "Bye."


def test_phrases_of_the_settings_are_added_to_the_shipped_ones() -> None:
    phrases = load_phrases(Settings.model_validate({"backchannels": "soso, na ja", "interrupting_phrases": "Feuer"}))
    assert phrases.meaning("Na ja.", "German") is Meaning.BACKCHANNEL
    assert phrases.meaning("Feuer!", "German") is Meaning.COMMAND
    assert phrases.meaning("genau", "German") is Meaning.BACKCHANNEL


def test_a_file_of_phrases_replaces_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "phrases.toml"
    path.write_text('[en]\nbackchannels = ["quite so"]\n')
    phrases = load_phrases(Settings(phrases_file=path))
    assert phrases.meaning("Quite so!", "English") is Meaning.BACKCHANNEL
    assert phrases.meaning("yeah", "English") is Meaning.WORDS


@pytest.mark.parametrize("content", [b"[en]\nbackchannels = 5", b"\xff\xfe", b"[[["])
def test_a_file_that_holds_none_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "phrases.toml"
    path.write_bytes(content)
    with pytest.raises(PluginError, match=r"--phrases-file .*phrases\.toml"):
        load_phrases(Settings(phrases_file=path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"none\.toml"):
        load_phrases(Settings(phrases_file=tmp_path / "none.toml"))


class Polyglot:
    languages = frozenset({"English", "Hindi", "German"})
    language = "English"


def test_callers_hear_texts_in_each_language_and_those_of_the_settings_in_the_one_calls_begin_with() -> None:
    prompts = call_prompts(Settings(goodbye_text="See you."), Polyglot())
    assert prompts.of("English").goodbye == prompts.of("").goodbye == prompts.of("en-GB").goodbye == "See you."
    assert prompts.of("Hindi").goodbye == SHIPPED["hi"].goodbye_text
    assert prompts.of("Japanese").goodbye == "See you.", "there is nothing in it"


def test_calls_begin_in_the_language_of_the_settings_where_the_voice_speaks_it() -> None:
    prompts = call_prompts(Settings(language="German", filler_text="Augenblick."), Polyglot())
    assert (prompts.filler, prompts.goodbye) == ("Augenblick.", SHIPPED["de"].goodbye_text)
    assert prompts.of("English").filler == SHIPPED["en"].filler_text
    english_only = call_prompts(Settings(language="Hindi"), FakeVoice("English"))
    assert english_only.goodbye == SHIPPED["en"].goodbye_text, "nobody would hear Hindi from it"


def test_an_apology_is_the_recording_in_its_language_or_that_which_there_is() -> None:
    sorry, maaf = (np.zeros(1, np.float32), "Sorry."), (np.ones(1, np.float32), "Maaf.")
    prompts = call_prompts(Settings(), Polyglot(), fallback=sorry, apologies={"hi": maaf})
    assert prompts.of("Hindi").fallback is maaf
    assert prompts.of("German").fallback is prompts.fallback is sorry


class FakeVoice:
    def __init__(self, language: str) -> None:
        self.language = language
