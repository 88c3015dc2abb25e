"""Voices by language: one default whichever source names it, and what a file of them may look like."""

import argparse
from pathlib import Path

import pytest

from bridge.settings import Settings, SettingsError, as_toml, load, refusals

VOICES = "German=kokoro:df, default=other"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "bridge.toml"


def test_the_default_of_the_voices_is_tts() -> None:
    settings = load({"voices": VOICES}, {})
    assert (settings.tts, settings.voices) == ("other", {"German": "kokoro:df"})
    assert Settings.model_validate({"voices": {"default": "other"}}).tts == "other"


@pytest.mark.parametrize(
    ("flags", "environ", "table", "tts"),
    [
        ({"tts": "flag"}, {"BRIDGE_VOICES": VOICES}, "", "flag"),
        ({"voices": VOICES}, {"BRIDGE_TTS": "variable"}, "", "other"),
        ({}, {"BRIDGE_TTS": "variable"}, '[voices]\ndefault = "file"', "variable"),
        ({}, {"BRIDGE_VOICES": VOICES}, 'tts = "file"', "other"),
        ({}, {}, 'tts = "file"\n[voices]\nGerman = "kokoro:df"', "file"),
        ({}, {}, 'tts = "one"\n[voices]\ndefault = "file"', "file"),
        ({"voices": "German=kokoro:df"}, {"BRIDGE_TTS": "variable"}, "", "variable"),
    ],
)
def test_flags_go_before_the_environment_and_that_before_the_file_by_either_name(
    flags: dict[str, object], environ: dict[str, str], table: str, tts: str, toml: Path
) -> None:
    toml.write_text(table)
    assert load({"config": str(toml), **flags}, environ).tts == tts


def test_a_route_has_voices_of_its_own_and_may_name_its_default_in_them(toml: Path) -> None:
    toml.write_text(
        '[voices]\ndefault = "one"\nGerman = "a:b"\n'
        '[[route]]\ncallee = "1"\nvoices = { Hindi = "kokoro:hf", default = "two" }\n'
        '[[route]]\ntts = "three"\n'
    )
    settings = load({"config": str(toml)}, {})
    first, second = settings.route
    assert first.options == {"voices": {"Hindi": "kokoro:hf"}, "tts": "two"}
    assert second.options == {"tts": "three"} and settings.tts == "one"


NONE = ["German", "German=", "=kokoro", "German=a,German=b", "German=a b", "Ger/man=a", "x" * 61 + "=a"]


@pytest.mark.parametrize("value", [*NONE, 7, ["a"], {"German": 3}])
def test_what_are_no_voices_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(SettingsError, match=r"--voices / BRIDGE_VOICES is .*; allowed: languages and their voices"):
        load({"voices": value}, {})


def test_two_voices_for_one_language_are_refused() -> None:
    settings = Settings(voices={"German": "a", "de-AT": "b", "French": "c"})
    assert "--voices names German more than once: German, de-AT; give one voice a language" in refusals(settings)
    assert not [line for line in refusals(Settings(voices={"German": "a", "fr": "b"})) if "--voices" in line]


def test_what_is_written_is_read_again(toml: Path) -> None:
    words = {"English": {'Sp"i\\nny': "Spinnee", "AT&T": "A T and T\n"}, "de": {}}
    for lexicon in (words, Path("words.toml"), None):
        settings = Settings.model_validate({"voices": {"Haitian Creole": "a:b-c", "de": "x"}, "lexicon": lexicon})
        toml.write_text(as_toml(settings))
        assert load({"config": str(toml)}, {}) == settings


def test_a_lexicon_is_a_path_or_tables_of_words(toml: Path) -> None:
    assert load({"lexicon": "words.toml"}, {}).lexicon == Path("words.toml")
    toml.write_text('[lexicon.English]\nSpinny = "Spinnee"\n')
    assert load({"config": str(toml)}, {}).lexicon == {"English": {"Spinny": "Spinnee"}}
    toml.write_text('[lexicon]\nSpinny = "Spinnee"\n')
    with pytest.raises(SettingsError, match=r"allowed: the path of a TOML file, or tables of words like"):
        load({"config": str(toml)}, {})


def test_flags_are_read_as_the_command_line_gives_them() -> None:
    from bridge.settings import add_flags

    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = parser.parse_args(["--voices", VOICES, "--tts-speed", "1.5"])
    assert (load(given, {}).tts, load(given, {}).tts_speed) == ("other", 1.5)
