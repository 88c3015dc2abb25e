"""Voices by name: made once, tried once in their own language, brought to one level, closed once."""

import math

import pytest
from sounding import English, Quiet

from bot.tts.finishing import ACTIVE_DBFS
from bridge.plugins import PluginError, with_variant
from bridge.settings import Settings
from bridge.speaking.voices.loading import LoadedVoices


def named(name: str) -> str:
    return f"sounding:{name}"


class Made(English):
    """Knows of all that were made, and of which settings."""

    all: list["Made"]

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__()
        self.made_at = speed
        type(self).all.append(self)


class FromSettings(Made):
    @classmethod
    def from_settings(cls, settings: Settings) -> "FromSettings":
        return cls(settings.tts_speed)


@pytest.fixture(autouse=True)
def _none_made() -> None:
    Made.all = []
    FromSettings.all = []


def test_a_voice_is_made_tried_and_closed_once() -> None:
    voices = LoadedVoices()
    first, second = (voices.load(f"{__name__}:Made", Settings(greeting=greeting)) for greeting in ("a", "b"))
    assert first is second and len(Made.all) == 1
    assert Made.all[0].read == ["Thank you for calling. How can I help you?"]
    voices.close()
    voices.close()
    assert Made.all[0].closed == 1


def test_one_that_is_made_from_settings_is_shared_where_only_words_of_routes_differ() -> None:
    voices = LoadedVoices()
    for greeting in ("a", "b"):
        voices.load(f"{__name__}:FromSettings", Settings(greeting=greeting, fallback_text=greeting))
    assert len(FromSettings.all) == 1


def test_it_is_tried_in_its_own_language_or_with_what_callers_hear() -> None:
    loaded = LoadedVoices()
    tried = {}
    for name, language in (("German", ""), ("Hindi", ""), ("Sounding", "fr-FR"), ("Sounding", "Klingon")):
        voice = LoadedVoices().load(named(name), Settings(), language=language, text="Sorry about that.")
        tried[name, language] = vars(voice._tts)["read"]
    assert tried["German", ""] == ["Vielen Dank für Ihren Anruf. Wie kann ich helfen?"]
    assert tried["Hindi", ""][0].startswith("\u0915\u0949\u0932")
    assert tried["Sounding", "fr-FR"][0].startswith("Merci")
    assert tried["Sounding", "Klingon"] == ["Sorry about that."]
    assert loaded.all == []


def test_a_voice_that_is_far_off_the_level_is_brought_to_it_and_others_are_left() -> None:
    voices = LoadedVoices()
    assert voices.load(named("English"), Settings()).gain == 1.0
    quiet = voices.load(named("Quiet"), Settings())
    assert 20 * math.log10(quiet.gain * Quiet.level) == pytest.approx(ACTIVE_DBFS, abs=0.1)


def test_a_voice_without_a_sound_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    assert LoadedVoices().load(named("Silent"), Settings()).gain == 1.0
    assert "made no sound of its trial sentence" in caplog.text


def test_a_voice_that_has_one_speed_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    voices = LoadedVoices()
    assert vars(voices.load(named("Chorus"), Settings(tts_speed=1.5))._tts)["speed"] == 1.5
    assert not caplog.text
    voices.load(named("English"), Settings(tts_speed=1.5))
    assert "speaks at one speed only: --tts-speed 1.5" in caplog.text


def test_plug_in_and_voice_are_told_from_module_and_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_variant("bridge.tts", "hibari:heart") == ("hibari", "heart")
    assert with_variant("bridge.tts", "sounding:English") == ("sounding:English", "")
    assert with_variant("bridge.tts", "hibari") == ("hibari", "")


def test_what_is_loaded_before_something_fails_is_closed_and_what_was_there_stays() -> None:
    voices = LoadedVoices()
    voices.load(f"{__name__}:Made", Settings())

    def load_and_fail() -> None:
        with voices.unless_it_fails():
            voices.load(f"{__name__}:FromSettings", Settings())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_and_fail()
    assert [made.closed for made in (*Made.all, *FromSettings.all)] == [0, 1]
    assert [voice.name for voice in voices.all] == [f"{__name__}:Made"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobody", "no such plug-in"),
        ("nobody:heart", "No module"),
        ("hibari:nobody", "there is no voice 'nobody': HibariTts has one only"),
        ("builtins:object", "no attribute 'speak'"),
    ],
)
def test_what_is_no_voice_says_so(name: str, why: str) -> None:
    with pytest.raises(PluginError, match=why) as caught:
        LoadedVoices().load(name, Settings())
    assert str(caught.value).startswith(f"--tts {name}: ")


class Mute(Made):
    def __init__(self) -> None:
        super().__init__()
        self.fails_after = 0


def test_one_that_cannot_speak_is_closed_and_not_kept() -> None:
    Mute.all = []
    voices = LoadedVoices()
    with pytest.raises(PluginError, match="out of breath"):
        voices.load(f"{__name__}:Mute", Settings())
    assert [made.closed for made in Mute.all] == [1] and voices.all == []
    voices.close()
    assert [made.closed for made in Mute.all] == [1]
