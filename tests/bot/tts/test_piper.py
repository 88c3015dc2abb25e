import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bot.tts.piper import Description, PiperSpeaker, PiperTts, find

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
TOLD = {
    "audio": {"sample_rate": 22050},
    "espeak": {"voice": "de"},
    "language": {"code": "de_DE"},
    "inference": {"noise_scale": 0.5, "length_scale": 2.0, "noise_w": 0.75},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "a": [14], "b": [15, 16], "\u0327": [17]},
}


@pytest.fixture(autouse=True)
def _nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def voice_file(place: Path, name: str, told: object = TOLD) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.onnx").write_bytes(b"no network")
    (place / f"{name}.onnx.json").write_text(told if isinstance(told, str) else json.dumps(told))
    return place / f"{name}.onnx"


class Network:
    def __init__(self) -> None:
        self.given: list[Mapping[str, Any]] = []

    def run(self, _: None, inputs: Mapping[str, Any]) -> list[Any]:
        self.given.append(inputs)
        return [np.random.default_rng(0).normal(0, 0.1, (1, 1, 1, 22_050)).astype(np.float32)]


def test_the_network_gets_each_symbol_padded_between_begin_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network()
    monkeypatch.setattr("bot.tts.piper.open_network", lambda *_: network)
    file = voice_file(tmp_path, "de_DE-x-low", TOLD | {"num_speakers": 3})
    speaker = PiperSpeaker(file, Description.read(tmp_path / "de_DE-x-low.onnx.json"), 1)
    assert speaker.symbols("(^e^n)a^b(^d^e) \u0127c\u0327") == "ab\u0327"
    assert speaker.sound("ab", speed=2.0).shape == (22_050,)
    given = network.given[0]
    assert given["input"].tolist() == [[1, 0, 14, 0, 15, 16, 0, 2]]
    assert given["input_lengths"].tolist() == [8]
    assert given["scales"].tolist() == [0.5, 1.0, 0.75]
    assert given["sid"].tolist() == [0]


@needs_espeak
def test_a_folder_of_voices_is_one_plug_in(tmp_path: Path) -> None:
    voice_file(tmp_path / "v", "de_DE-a-low")
    voice_file(
        tmp_path / "v" / "more", "ru_RU-b-low", TOLD | {"espeak": {"voice": "ru"}, "language": {"code": "ru_RU"}}
    )
    base = PiperTts.from_settings(SimpleNamespace(tts_model_path=str(tmp_path / "v"), tts_threads=1))
    assert (base.name, base.language, base.scripts, base.sample_rate) == ("de_DE-a-low", "German", ("LATIN",), 22050)
    other = base.voice("ru_RU-b-low")
    assert (other.language, other.scripts) == ("Russian", ("CYRILLIC", "LATIN"))
    with pytest.raises(RuntimeError, match=r"no voice 'x': de_DE-a-low, ru_RU-b-low"):
        base.voice("x")
    base.close()


def test_voices_in_the_data_folder_need_no_option(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="bridge models fetch piper-joe"):
        find("")
    assert PiperTts.voices() == {}
    voice_file(tmp_path / "data" / "voice-bridge" / "piper", "de_DE-a-low")
    assert PiperTts.voices() == {"de_DE-a-low": "German"}


@pytest.mark.parametrize(
    "told",
    [
        "",
        "[]",
        "{}",
        "\xff",
        "[" * 100_000,
        TOLD | {"audio": {"sample_rate": "fast"}},
        TOLD | {"audio": {"sample_rate": 1}},
        TOLD | {"phoneme_type": "text"},
        TOLD | {"phoneme_id_map": {"a": [1]}},
        TOLD | {"phoneme_id_map": []},
        TOLD | {"espeak": None},
    ],
)
def test_a_description_that_is_none_is_named(tmp_path: Path, told: object) -> None:
    file = voice_file(tmp_path, "x", told)
    with pytest.raises(RuntimeError, match=r"x\.onnx\.json"):
        Description.read(file.with_name("x.onnx.json"))
