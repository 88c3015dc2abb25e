"""P(end of turn) from how it sounds, with a model of two operations that we write ourselves."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bridge.speech.api import EngineFailed, ModelMissing, Samples
from bridge.speech.backends.smart_turn import SmartTurn, features

pytest.importorskip("onnxruntime")


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name: str, *shape: int | str) -> bytes:
    sizes = (part(2, size) if isinstance(size, str) else number(1, size) for size in shape)
    kind = part(1, number(1, 1) + part(2, b"".join(part(1, size) for size in sizes)))
    return part(1, name) + part(2, kind)


def model(path: Path, *, bands: int = 80, name: str = "input_features", last: str = "Sigmoid") -> Path:
    """Write `last(mean of the features)` in ONNX's protobuf (onnx.proto3, IR version 8, operators of version 13)."""
    axes = part(1, "axes") + number(8, 1) + number(8, 2) + number(20, 7)
    whole = part(1, "keepdims") + number(3, 0) + number(20, 2)
    mean = part(1, name) + part(2, "mean") + part(4, "ReduceMean") + part(5, axes) + part(5, whole)
    end = part(1, "mean") + part(2, "logits") + part(4, last)
    graph = part(1, mean) + part(1, end) + part(2, "g")
    graph += part(11, tensor(name, "n", bands, 800)) + part(12, tensor("logits", "n"))
    path.write_bytes(number(1, 8) + part(7, graph) + part(8, number(2, 13)))
    return path


@pytest.fixture
def smart_turn(tmp_path: Path) -> Iterator[SmartTurn]:
    loaded = SmartTurn.load(str(model(tmp_path / "model.onnx")))
    yield loaded
    loaded.close()


def speech(seconds: float) -> Samples:
    return (0.1 * np.random.default_rng(7).standard_normal(int(16_000 * seconds))).astype(np.float32)


def expected(audio: Samples) -> float:
    return float(1 / (1 + np.exp(-features(audio).mean(dtype=np.float64))))


async def test_a_finished_text_leaves_the_probability_to_the_voice(smart_turn: SmartTurn) -> None:
    audio = speech(2)
    for text in ("That is all.", "Is it?", "yes", ""):
        assert await smart_turn.probability(audio, text, "English") == pytest.approx(expected(audio), abs=1e-4)


async def test_an_unfinished_text_lowers_it(smart_turn: SmartTurn) -> None:
    audio = speech(2)
    unfinished = await smart_turn.probability(audio, "Please give me the", "English")
    assert unfinished == pytest.approx(expected(audio) * 0.1 / 0.9, abs=1e-4)


def test_only_the_last_eight_seconds_count(smart_turn: SmartTurn) -> None:
    audio = speech(11)
    assert smart_turn.listen(audio) == smart_turn.listen(audio[-128_000:]) != smart_turn.listen(audio[:128_000])


def test_short_audio_stands_at_the_end_behind_silence(smart_turn: SmartTurn) -> None:
    mel = features(speech(1))
    assert mel.shape == (80, 800)
    assert mel[:, 705:].min() > mel[:, :695].max() - 1e-3


def test_loudness_does_not_matter() -> None:
    """What is heard has unit variance: a quiet line is judged like a loud one."""
    audio = speech(3)
    np.testing.assert_allclose(features(audio), features(audio * np.float32(0.05)), atol=0.02)


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(16_000, np.float32)])
def test_silence_and_nothing_are_judged_too(smart_turn: SmartTurn, audio: Samples) -> None:
    assert 0 <= smart_turn.listen(audio) <= 1


@pytest.mark.filterwarnings("ignore:invalid value")
def test_audio_that_is_no_audio_is_refused(smart_turn: SmartTurn) -> None:
    with pytest.raises(EngineFailed, match="returned nan"):
        smart_turn.listen(np.full(16_000, np.nan, np.float32))


def test_what_is_no_probability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="must be 0 to 1"):
        SmartTurn.load(str(model(tmp_path / "model.onnx", last="Neg")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"none\.onnx: no such file"):
        SmartTurn.load(str(tmp_path / "none.onnx"))


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x08"])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.onnx").write_bytes(content)
    with pytest.raises(EngineFailed, match=r"odd\.onnx"):
        SmartTurn.load(str(tmp_path / "odd.onnx"))


@pytest.mark.parametrize("odd", [{"bands": 128}, {"name": "audio"}])
def test_another_model_is_told_what_was_wanted(tmp_path: Path, odd: dict[str, int | str]) -> None:
    with pytest.raises(EngineFailed, match=r"must be input_features of shape \(n, 80, 800\)"):
        SmartTurn.load(str(model(tmp_path / "odd.onnx", **odd)))  # type: ignore[arg-type]


async def test_once_closed_it_judges_nothing(smart_turn: SmartTurn) -> None:
    smart_turn.close()
    with pytest.raises(EngineFailed, match="closed"):
        await smart_turn.probability(speech(1), "", "")
