"""Bots, voices and words by route: equal ones are loaded once and closed once."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
from fakes import FakeTts, ScriptBot

from bot.api import Bot
from bridge.plugins import PluginError
from bridge.server.profiles import Profiles
from bridge.server.profiles import load_profiles as load_into
from bridge.settings import Settings
from bridge.settings.caller_texts import SHIPPED
from bridge.settings.route import Route
from bridge.speaking.voices.loading import LoadedVoices


class CountedTts(FakeTts):
    made: list["CountedTts"]

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0
        type(self).made.append(self)

    def close(self) -> None:
        self.closed += 1


class OtherTts(CountedTts):
    pass


class Broken(Bot):
    def __init__(self) -> None:
        raise RuntimeError("no key")


class Configured(Bot):
    def __init__(self, settings: Settings) -> None:
        self.greeting = settings.greeting

    @classmethod
    def from_settings(cls, settings: Settings) -> Callable[[], "Configured"]:
        return partial(cls, settings)


@pytest.fixture(autouse=True)
def _none_made() -> None:
    CountedTts.made = []
    OtherTts.made = []


def settings(*options: Mapping[str, object]) -> Settings:
    routes = tuple(Route(number, options=each) for number, each in enumerate(options, 1))
    named = Settings(bot="fakes:ScriptBot", tts=f"{__name__}:CountedTts")
    return named.model_copy(update={"route": routes})


def load_profiles(settings: Settings, voices: LoadedVoices | None = None) -> Profiles:
    return load_into(settings, voices or LoadedVoices())


def test_each_route_has_its_own_bot_and_shares_the_rest() -> None:
    profiles = load_profiles(settings({"bot": "echo"}, {"greeting": "Hello."}))
    echo, greeted = profiles.routes
    assert isinstance(profiles.plain.make_bot(), ScriptBot)
    assert not isinstance(echo.make_bot(), ScriptBot)
    assert greeted.make_bot is profiles.plain.make_bot
    assert echo.tts is greeted.tts is profiles.plain.tts
    assert echo.fallback is profiles.plain.fallback
    assert echo.phrases is profiles.plain.phrases
    assert (greeted.settings.greeting, profiles.plain.settings.greeting) == ("Hello.", "")


def test_a_voice_is_loaded_once_for_all_who_name_it_and_closed_once() -> None:
    other = f"{__name__}:OtherTts"
    voices = LoadedVoices()
    profiles = load_profiles(settings({"tts": other}, {"tts": other, "fallback_text": "Pardon?"}), voices)
    assert (len(CountedTts.made), len(OtherTts.made)) == (1, 1)
    assert profiles.routes[0].tts is profiles.routes[1].tts is not profiles.plain.tts
    assert profiles.routes[1].fallback is not None
    assert profiles.routes[1].fallback[1] == "Pardon?"
    voices.close()
    assert [voice.closed for voice in (*CountedTts.made, *OtherTts.made)] == [1, 1]


def test_a_bot_made_from_the_settings_is_shared_by_equal_settings_only() -> None:
    bot = f"{__name__}:Configured"
    same = {"bot": bot, "greeting": "One."}
    profiles = load_profiles(settings(same, {**same, "greeting": "Two."}, same))
    one, two, again = (profile.make_bot for profile in profiles.routes)
    assert [make().greeting for make in (one, two)] == ["One.", "Two."]  # type: ignore[attr-defined]
    assert again is one
    assert one() is not one(), "a bot belongs to one call"


def test_words_of_their_own_have_lists_of_their_own() -> None:
    profiles = load_profiles(settings({"interrupting_phrases": ("hoppla",)}))
    assert profiles.routes[0].phrases.meaning("hoppla", "") != profiles.plain.phrases.meaning("hoppla", "")


def test_a_failure_names_the_route_and_closes_what_was_loaded() -> None:
    with pytest.raises(PluginError, match=r"^route 2: --bot .*Broken: no key$"):
        load_profiles(settings({"greeting": "x"}, {"bot": f"{__name__}:Broken"}))
    assert [voice.closed for voice in CountedTts.made] == [1]


def test_a_fallback_is_said_by_the_voice_of_the_language_of_its_route(caplog: pytest.LogCaptureFixture) -> None:
    voices = LoadedVoices()
    spoken = {"voices": {"German": "sounding:German"}, "fallback_text": "Wie bitte?"}
    profiles = load_profiles(settings({**spoken, "language": "German"}, {**spoken, "language": "French"}), voices)
    german, french = (profile.fallback for profile in profiles.routes)
    assert german is not None and french is not None
    [tts] = [voice._tts for voice in voices.all if voice.name == "sounding:German"]
    assert vars(tts)["read"].count("Wie bitte?") == 1
    assert "--language German" not in caplog.text


def test_a_route_whose_language_nobody_speaks_is_told(caplog: pytest.LogCaptureFixture) -> None:
    load_profiles(settings({"tts": "sounding:English", "language": "French"}, {"tts": "sounding:English"}))
    assert caplog.text.count("--language French: no voice speaks it, sounding:English speaks English") == 1


class Polyglot(CountedTts):
    language, languages = "English", frozenset({"English", "Hindi"})


def test_the_apology_is_recorded_in_each_language_that_the_voice_speaks() -> None:
    profiles = load_profiles(settings({"language": "Hindi"}).model_copy(update={"tts": f"{__name__}:Polyglot"}))
    assert set(profiles.plain.apologies) == {"en", "hi"}
    assert profiles.plain.apologies["hi"][1] == SHIPPED["hi"].fallback_text
    assert profiles.plain.fallback is profiles.plain.apologies["en"], "the same words are recorded once"
    assert profiles.routes[0].fallback is profiles.plain.apologies["hi"], "its calls begin in Hindi"


def test_a_language_that_the_voice_does_not_speak_is_said_at_start_up(caplog: pytest.LogCaptureFixture) -> None:
    load_profiles(settings().model_copy(update={"tts": f"{__name__}:Polyglot", "language": "German"}))
    assert "--language German: no voice speaks it" in caplog.text


def test_texts_that_cannot_be_read_are_refused_with_their_option(tmp_path: Path) -> None:
    (tmp_path / "de.toml").write_text("x = 1")
    with pytest.raises(PluginError, match=r"--texts .*de\.toml: 'x' is no text"):
        load_profiles(settings().model_copy(update={"texts": tmp_path}))
