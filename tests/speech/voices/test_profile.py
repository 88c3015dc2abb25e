"""The table of voice servers, and tables of users."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bridge.speech.api import EngineFailed
from bridge.speech.voices.profile import parse, read_profiles, shipped

MINE = """
[mine]
path = "/say"
headers = { X-Key = "{key}" }
body = { text = "{text}", rate = "{rate}" }
wide = { rate = 16000 }
"""


def test_each_shipped_profile_is_a_plug_in_and_the_other_way_round() -> None:
    ours = {point.name for point in entry_points(group="bridge.tts") if point.value == "bridge.speech.voices:HttpTts"}
    assert ours == set(shipped())
    assert len(ours) >= 8


def test_each_shipped_profile_says_where_its_documents_are_and_where_it_is() -> None:
    for name, profile in shipped().items():
        assert profile.documents.startswith("https://"), name
        assert profile.url.startswith("https://") or profile.example, name
        assert profile.voice, name
        assert "key" in "".join(profile.headers.values()), name


def test_a_profile_of_the_user_stands_beside_the_shipped_ones(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text(MINE)
    profiles = read_profiles(path)
    assert profiles["mine"].wide.rate == 16_000
    assert "elevenlabs" in profiles


def test_a_profile_of_the_user_comes_before_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "voices.toml"
    path.write_text(MINE.replace("mine", "openai"))
    assert read_profiles(path)["openai"].path == "/say"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[mine", "Expected"),
        ("mine = 3", "mine: "),
        (MINE.replace('path = "/say"', ""), "mine.path: Field required"),
        (MINE + "pitch = 3", "mine.pitch: "),
        (MINE.replace("{key}", "{kee}"), r"headers has \{kee\}; known are .*key"),
        (MINE.replace("{text}", "words"), r"body has no \{text\}"),
        (MINE.replace("16000", "99"), "mine.wide.rate: "),
        (MINE.replace('"/say"', '"say"'), "mine.path: "),
        (MINE + 'url = "ftp://host"', "mine.url: "),
        (MINE + 'answer = "json"', "audio_field must say"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_the_field(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(text)
    path = tmp_path / "voices.toml"
    path.write_text(text)
    with pytest.raises(EngineFailed, match=f"tts_profiles {path}: "):
        read_profiles(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"tts_profiles .*none\.toml: .*No such file"):
        read_profiles(tmp_path / "none.toml")
