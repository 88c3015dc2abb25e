"""The voices that the settings of a profile name, and what an operator is told of them."""

from pathlib import Path

import pytest

from bridge.plugins import PluginError
from bridge.settings import Settings
from bridge.speaking.voices.lexicon import LARGEST_FILE
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.profile_voices import language_unspoken, load_lexicons, load_voices, voices_key
from bridge.speaking.voices.voices import Voices

ENGLISH, GERMAN, HINDI = "sounding:English", "sounding:German", "sounding:Hindi"


def load(**options: object) -> Voices:
    return load_voices(Settings.model_validate({"tts": ENGLISH, **options}), LoadedVoices())


def test_each_language_has_its_voice_and_the_default_the_rest() -> None:
    voices = load(voices={"German": GERMAN, "hi-IN": HINDI})
    assert [voice.name for voice in voices.all] == [ENGLISH, GERMAN, HINDI]
    assert voices.by_language.keys() == {"de", "hi"}
    assert voices.voice_of("English") is voices.default and voices.voice_of("French") is None


def test_one_voice_for_two_languages_is_loaded_once() -> None:
    voices = load(voices={"German": "sounding:Sounding", "French": "sounding:Sounding"})
    assert voices.by_language["de"] is voices.by_language["fr"]


def test_a_voice_that_does_not_load_is_named_with_its_language() -> None:
    with pytest.raises(PluginError, match=r"^--voices German: --tts nobody: no such plug-in"):
        load(voices={"German": "nobody"})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"voices": {"German": HINDI}}, f"--voices German: {HINDI} speaks Hindi"),
        (
            {"lexicon": {"en": {"Spinny": "/spini/"}}},
            f"1 entries of 'en' are phonemes in slashes, which {ENGLISH}",
        ),
    ],
)
def test_what_does_not_fit_is_told_at_start_up(
    options: dict[str, object], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    load(**options)
    assert told in caplog.text


def test_what_fits_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    load(
        voices={"German": GERMAN, "French": "sounding:Sounding"},
        language="German",
        lexicon={"en": {"Spinny": "Spinnee"}},
    )
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_language_that_no_voice_speaks_is_told_with_the_option_that_helps() -> None:
    told = language_unspoken(load(voices={"German": GERMAN}), "French")
    assert told.startswith(f"--language French: no voice speaks it, {ENGLISH} speaks English; name one with --voices")
    for language in ("German", "de-AT", "English", ""):
        assert language_unspoken(load(voices={"German": GERMAN}), language) == ""
    assert language_unspoken(load(tts="sounding:Sounding"), "Klingon") == ""


def test_voices_are_shared_by_profiles_that_differ_in_other_things_only() -> None:
    assert voices_key(Settings(greeting="a")) == voices_key(Settings(greeting="b"))
    for option, value in (("voices", {"German": GERMAN}), ("lexicon", {"en": {"a": "b"}}), ("tts_speed", 1.5)):
        assert voices_key(Settings.model_validate({option: value})) != voices_key(Settings())


@pytest.mark.parametrize("head", ["", "lexicon."])
def test_a_lexicon_is_read_from_a_file_of_tables(tmp_path: Path, head: str) -> None:
    path = tmp_path / "words.toml"
    path.write_text(f'[{head}English]\nSpinny = "Spinnee"\n[{head}German]\n"AT&T" = "A T und T"\n')
    lexicons = load_lexicons(path)
    assert lexicons["en"].apply("Spinny", ipa=False) == "Spinnee"
    assert lexicons["de"].apply("AT&T", ipa=False) == "A T und T"
    assert load_lexicons(None) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[English", "Expected"),
        ("English = 3", "is no table of words"),
        ("[English]\nSpinny = 3", "is no table of words"),
        ("[lexicon]\nEnglish = 3", "is no table of words"),
        ("[English]\nSpinny = ''", "'English'.*allowed: a word"),
        ("[English]\na = 'b'\n[en]\na = 'b'", "named once"),
        ("[English]\na = 'b'\n[lexicon.German]\na = 'b'", "in one file"),
        ("['']\na = 'b'", "named once"),
        ("\xff", "codec"),
        ("a=" + "[" * 5000, "without end"),
        ("#" * (LARGEST_FILE + 1), "bytes; allowed"),
    ],
)
def test_a_file_that_is_no_lexicon_is_named_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "words.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PluginError, match=why) as caught:
        load_lexicons(path)
    assert str(caught.value).startswith(f"--lexicon {path}")


def test_a_lexicon_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="No such file"):
        load_lexicons(tmp_path / "none.toml")
