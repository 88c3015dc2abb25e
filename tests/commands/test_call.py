"""The figures that `bridge call` reports, and what it refuses to."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.commands.call import (
    CallFigures,
    DishonestRun,
    TurnFigures,
    check_honesty,
    load,
    report,
    save_wav,
    speech_span,
    timeline,
)
from bridge.commands.call_record import CallRecord, Moment


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


def test_a_late_telephone_reports_nothing() -> None:
    check_honesty([CallFigures(late_p99_ms=4.9)])
    with pytest.raises(DishonestRun, match=r"7\.0 ms"):
        check_honesty([CallFigures(late_p99_ms=1.0), CallFigures(late_p99_ms=7.0)])


def test_the_report_counts_what_went_wrong() -> None:
    turns = [
        TurnFigures("a", 0, first_audio_ms=400, heard_ms=420),
        TurnFigures("b", 0, first_audio_ms=-100, heard_ms=-80),
        TurnFigures("c", 0),
    ]
    text = report([CallFigures(greeting_ms=90, turns=turns, gaps=2)])
    assert "1 calls, 3 turns" in text
    assert "too early 1, never 1; audible gaps 2" in text
    assert "barge-in" not in text


def test_the_call_is_saved_with_the_caller_left_and_the_bot_right(tmp_path: Path) -> None:
    record = CallRecord(caller=bytearray(b"\xff" * 160 + b"\x00" * 160), bot=bytearray(b"\x80" * 160 + b"\xff" * 160))
    save_wav(record, tmp_path / "call.wav")
    with wave.open(str(tmp_path / "call.wav")) as saved:
        assert (saved.getnchannels(), saved.getframerate(), saved.getnframes()) == (2, 8000, 320)
        sides = np.frombuffer(saved.readframes(320), "<i2").reshape(-1, 2)
    assert sides[:160, 0].max() == 0
    assert sides[160:, 0].max() < -30_000
    assert sides[:160, 1].min() > 30_000
    assert sides[160:, 1].max() == 0


def test_the_timeline_is_one_line_a_moment() -> None:
    record = CallRecord(timeline=[Moment(12.4, "audio-heard"), Moment(1500, "mark", "0:1")])
    assert timeline(record).splitlines() == [
        "       12 ms  audio-heard     ",
        "     1500 ms  mark            0:1",
    ]
