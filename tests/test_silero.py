"""Silero VAD on its ONNX file."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.speech.api import EngineFailed, Samples
from bridge.speech.backends.silero import SileroVad


@pytest.fixture(scope="module")
def model() -> SileroVad:
    return SileroVad.load()


def hum(n: int) -> Samples:
    """A voiced sound: pulses at 120 Hz through two formants, waxing and waning like syllables."""
    t = np.arange(n * 512) / 16_000
    voice = sum(np.sin(2 * np.pi * 120 * k * t) / k * np.exp(-(((120 * k - 600) / 500) ** 2)) for k in range(1, 30))
    return np.asarray(0.4 * voice / np.abs(voice).max() * (1 + np.sin(2 * np.pi * 4 * t)) / 2, np.float32)


async def scores(model: SileroVad, audio: Samples) -> list[float]:
    vad = model.open()
    return [await vad(audio[i : i + 512]) for i in range(0, len(audio) - 511, 512)]


async def test_silence_and_noise_are_no_speech(model: SileroVad) -> None:
    assert max(await scores(model, np.zeros(512 * 30, np.float32))) < 0.1
    noise = np.random.default_rng(1).normal(0, 0.05, 512 * 60).astype(np.float32)
    assert np.mean(await scores(model, noise)) < 0.2


async def test_a_batch_of_calls_scores_as_each_alone(model: SileroVad) -> None:
    rng = np.random.default_rng(2)
    calls = [(hum(20) * level + rng.normal(0, 0.01, 512 * 20)).astype(np.float32) for level in (0.1, 0.5, 1.0, 0.0)]
    alone = [await scores(model, call) for call in calls]
    together = await asyncio.gather(*(scores(model, call) for call in calls))
    assert np.abs(np.array(alone) - np.array(together)).max() < 1e-6


async def test_windows_that_come_together_are_one_inference(model: SileroVad, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    run = model.run

    def counted(windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        sizes.append(len(windows))
        return run(windows, state)

    monkeypatch.setattr(model, "run", counted)
    await asyncio.gather(*(scores(model, np.zeros(512, np.float32)) for _ in range(100)))
    assert sizes == [1, 64, 35], "the first finds nobody to wait for"


async def test_two_calls_share_no_memory(model: SileroVad) -> None:
    busy, quiet = model.open(), model.open()
    fresh = await quiet(np.zeros(512, np.float32))
    for i in range(20):
        await busy(hum(20)[i * 512 : (i + 1) * 512])
    assert await model.open()(np.zeros(512, np.float32)) == pytest.approx(fresh)


async def test_a_call_that_ended_while_its_window_was_waiting_disturbs_nobody(model: SileroVad) -> None:
    gone = asyncio.create_task(scores(model, np.zeros(512, np.float32)))
    await asyncio.sleep(0)
    gone.cancel()
    assert len(await scores(model, np.zeros(512, np.float32))) == 1


async def test_a_window_of_the_wrong_length_fails_its_call(model: SileroVad) -> None:
    others = asyncio.create_task(scores(model, np.zeros(512, np.float32)))
    with pytest.raises(EngineFailed, match="512"):
        await model.open()(np.zeros(100, np.float32))
    assert (await others)[0] < 0.1


@pytest.mark.skipif(not Path("/usr/share/asterisk/sounds/en").exists(), reason="asterisk-core-sounds-en-wav is absent")
async def test_a_human_voice_is_speech(model: SileroVad) -> None:
    with wave.open("/usr/share/asterisk/sounds/en/auth-thankyou.wav") as recording:
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").astype(np.float32) / 32768
    assert max(await scores(model, np.repeat(pcm, 2))) > 0.8
