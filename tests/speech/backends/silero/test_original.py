"""The official silero-vad package, where it is installed; its absence, and the batching, everywhere."""

import asyncio
import re
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bot import installing
from bridge.speech.api import EngineFailed, ModelMissing, Samples
from bridge.speech.backends.silero import SileroTorch, SileroVad

PROMPTS = Path("/usr/share/asterisk/sounds/en")

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> SileroTorch:
    pytest.importorskip("silero_vad", reason=f"{installing.extra('silero-torch')} brings silero-vad")
    return SileroTorch.load()


def prompt(name: str) -> Samples:
    if not PROMPTS.exists():
        pytest.skip("asterisk-core-sounds-en-wav is absent")
    with wave.open(str(PROMPTS / name)) as recording:
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").astype(np.float32) / 32768
    return np.repeat(pcm, 2)


async def scores(model: SileroTorch | SileroVad, audio: Samples) -> list[float]:
    vad = model.open()
    return [await vad(audio[i : i + 512]) for i in range(0, len(audio) - 511, 512)]


class Network:
    """P is the mean of the window; the state counts the call's windows. Waits for `go` when there is one."""

    def __init__(self, go: threading.Event | None = None, fails: bool = False) -> None:
        self.go, self.fails = go, fails
        self.batches: list[int] = []

    def __call__(self, windows: Array, states: Array) -> tuple[Array, Array]:
        self.batches.append(len(windows))
        if self.go:
            self.go.wait(5)
        if self.fails:
            raise RuntimeError("CUDA error")
        return windows[:, 64:].mean(axis=1), states + 1


def level(value: float) -> Samples:
    return np.full(512, value, np.float32)


async def test_a_human_voice_scores_as_with_the_onnx_file(model: SileroTorch) -> None:
    audio = prompt("auth-thankyou.wav")
    torch_scores, onnx_scores = await scores(model, audio), await scores(SileroVad.load(), audio)
    assert max(torch_scores) > 0.8
    assert np.abs(np.array(torch_scores) - np.array(onnx_scores)).max() < 1e-3


async def test_two_interleaved_calls_score_as_each_alone(model: SileroTorch) -> None:
    one, other = prompt("auth-thankyou.wav"), prompt("agent-incorrect.wav")
    alone = await scores(model, one), await scores(model, other)
    together = await asyncio.gather(scores(model, one), scores(model, other))
    for apart, mixed in zip(alone, together, strict=True):
        assert np.abs(np.array(apart) - np.array(mixed)).max() < 1e-5


async def test_windows_that_come_while_one_is_scored_share_the_next_run() -> None:
    network = Network(go := threading.Event())
    model = SileroTorch(network)
    calls = [asyncio.create_task(model.open()(level(n / 1000))) for n in range(70)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*calls) == pytest.approx([n / 1000 for n in range(70)])
    assert network.batches == [1, 64, 5]


async def test_each_call_keeps_its_own_state_and_the_end_of_its_last_window() -> None:
    model = SileroTorch(Network())
    busy, quiet = model.open(), model.open()
    await asyncio.gather(busy(level(0.5)), quiet(level(0.0)))
    await busy(level(0.25))
    assert float(busy.state[0, 0, 0]) == 2
    assert float(quiet.state[0, 0, 0]) == 1
    assert busy.context.tolist() == [0.25] * 64
    assert quiet.context.tolist() == [0.0] * 64


async def test_a_call_that_ended_while_its_window_was_scored_disturbs_nobody() -> None:
    model = SileroTorch(Network(go := threading.Event()))
    gone, there = asyncio.create_task(model.open()(level(0.1))), asyncio.create_task(model.open()(level(0.2)))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await there == pytest.approx(0.2)
    assert gone.cancelled()


async def test_a_network_that_breaks_fails_the_windows_it_had_and_serves_the_next() -> None:
    network = Network(fails=True)
    vad = SileroTorch(network).open()
    with pytest.raises(EngineFailed, match="CUDA error"):
        await vad(level(0.1))
    network.fails = False
    assert await vad(level(0.1)) == pytest.approx(0.1)


async def test_a_window_of_the_wrong_length_fails_its_call_alone() -> None:
    network = Network()
    with pytest.raises(EngineFailed, match=r"512 samples, got shape \(100,\)"):
        await SileroTorch(network).open()(level(0.1)[:100])
    assert network.batches == []


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad", None)  # what Python itself does for a module that must not load
    with pytest.raises(ModelMissing, match=re.escape(installing.extra("silero-torch"))):
        SileroTorch.load()
