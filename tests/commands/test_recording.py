"""Recordings that a simulated caller says."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.commands.recording import load, speech_span


def write_wav(
    path: Path, samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]", *, rate: int, width: int = 2
) -> Path:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        recording.setsampwidth(width)
        recording.setframerate(rate)
        recording.writeframes(samples.tobytes())
    return path


def burst(rate: int, *, lead_s: float, sound_s: float, tail_s: float) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    tone = 8000 * np.sin(np.arange(int(rate * sound_s)) * 2 * np.pi * 440 / rate)
    return np.concatenate((np.zeros(int(rate * lead_s)), tone, np.zeros(int(rate * tail_s)))).astype(np.int16)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_a_recording_of_any_rate_knows_where_its_speech_is(tmp_path: Path, rate: int) -> None:
    recording = load(write_wav(tmp_path / "a.wav", burst(rate, lead_s=0.3, sound_s=1.0, tail_s=0.5), rate=rate))
    assert recording.begins_ms == pytest.approx(300, abs=20)
    assert recording.ends_ms == pytest.approx(1300, abs=20)
    assert len(recording.mulaw) == pytest.approx(14_400, abs=20)


def test_stereo_is_mixed(tmp_path: Path) -> None:
    mono = burst(8000, lead_s=0.1, sound_s=0.5, tail_s=0.1)
    stereo = np.stack((mono, np.zeros_like(mono)), axis=1)
    assert load(write_wav(tmp_path / "s.wav", stereo, rate=8000)).begins_ms == pytest.approx(100, abs=20)


def test_what_is_no_recording_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "no.wav").write_bytes(b"RIFFnonsense")
    with pytest.raises(ValueError, match=r"no\.wav"):
        load(tmp_path / "no.wav")
    with pytest.raises(ValueError, match="8 bit"):
        load(write_wav(tmp_path / "8.wav", np.zeros(8000, np.int16), rate=8000, width=1))
    with pytest.raises(ValueError, match="nothing to be heard"):
        load(write_wav(tmp_path / "silent.wav", np.zeros(8000, np.int16), rate=8000))


def test_faint_noise_around_speech_is_no_speech() -> None:
    audio = (burst(8000, lead_s=0.5, sound_s=0.5, tail_s=0.5) / 32768).astype(np.float32)
    audio += np.random.default_rng(1).normal(0, 0.0002, len(audio)).astype(np.float32)
    assert speech_span(audio) == (500, 1000)
