"""Silero VAD on its ONNX file."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest
from virtual import run

from bridge.speech.api import EngineFailed, Samples
from bridge.speech.backends.models import silero_vad_path
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.silero.stream import SileroStream

RECORDINGS = Path("/usr/share/asterisk/sounds/en")
SILENCE = np.zeros(512, np.float32)
needs_recordings = pytest.mark.skipif(not RECORDINGS.exists(), reason="asterisk-core-sounds-en-wav is absent")


@pytest.fixture(scope="module")
def model() -> SileroVad:
    return SileroVad.load()


def recording(name: str) -> Samples:
    with wave.open(str(RECORDINGS / name)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    return np.repeat(pcm, 2)


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


@pytest.fixture
def sizes(model: SileroVad, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many windows each inference had."""
    sizes: list[int] = []
    scored = model.run

    def counted(windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        sizes.append(len(windows))
        return scored(windows, state)

    monkeypatch.setattr(model, "run", counted)
    monkeypatch.setattr(model, "_newest_s", -1.0)  # nothing came just now: virtual time begins at 0
    return sizes


async def at_rest(model: SileroVad) -> SileroStream:
    """Return the VAD of a caller who has been silent for a second, and whose next window is due."""
    vad = model.open()
    for _ in range(31):
        await vad(SILENCE)
        await asyncio.sleep(0.032)
    return vad


def test_windows_that_come_together_are_one_inference(model: SileroVad, sizes: list[int]) -> None:
    async def together() -> None:
        await asyncio.gather(*(scores(model, np.zeros(512, np.float32)) for _ in range(100)))

    run(together())
    assert sizes == [1, 64, 35], "the first finds nobody to wait for"


def test_callers_at_rest_wait_for_each_other(model: SileroVad, sizes: list[int]) -> None:
    async def wait() -> None:
        one, other = await at_rest(model), await at_rest(model)
        assert sizes == [1] * 62, "the first second of silence waits for nobody"
        first = asyncio.ensure_future(one(SILENCE))
        await asyncio.sleep(0.014)
        assert not first.done()
        assert max(await asyncio.gather(first, other(SILENCE))) < 0.1

    run(wait())
    assert sizes[62:] == [2]


def test_a_window_that_cannot_wait_takes_those_at_rest_along(model: SileroVad, sizes: list[int]) -> None:
    async def wait() -> None:
        resting, alone = await at_rest(model), await at_rest(model)
        waiting = asyncio.ensure_future(resting(SILENCE))
        await asyncio.sleep(0.005)
        await model.open()(SILENCE)
        assert sizes[62:] == [2]
        assert await waiting == pytest.approx(await alone(SILENCE), abs=1e-6)

    run(wait())


def test_silence_that_comes_faster_than_real_time_waits_for_nobody(model: SileroVad) -> None:
    async def hear() -> None:
        vad = await at_rest(model)
        await vad(SILENCE)
        assert not vad.at_rest

    run(hear())


@needs_recordings
def test_who_speaks_is_not_at_rest(model: SileroVad) -> None:
    async def speak() -> None:
        vad = await at_rest(model)
        assert vad.at_rest
        speech = recording("auth-thankyou.wav")[: 512 * 20].reshape(-1, 512)
        assert max([await vad(window) for window in speech]) > 0.5
        await asyncio.sleep(0.032)
        assert not vad.at_rest

    run(speak())


async def test_a_model_that_fails_fails_all_windows_it_had(model: SileroVad, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(windows: Samples, state: Samples) -> tuple[Samples, Samples]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model, "run", broken)
    failed = await asyncio.gather(*(model.open()(SILENCE) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in failed] == ["VAD failed: out of memory"] * 3
    assert {type(error) for error in failed} == {EngineFailed}


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


@needs_recordings
async def test_a_human_voice_is_speech(model: SileroVad) -> None:
    assert max(await scores(model, recording("auth-thankyou.wav"))) > 0.8


@needs_recordings
async def test_the_network_without_conditionals_is_the_same_network(model: SileroVad) -> None:
    audio = np.concatenate([recording(name) for name in ("auth-thankyou.wav", "agent-incorrect.wav")])
    other = await scores(SileroVad(str(silero_vad_path())), audio)
    assert np.abs(np.array(await scores(model, audio)) - np.array(other)).max() < 1e-5
