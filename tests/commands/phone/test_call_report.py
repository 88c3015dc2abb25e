"""The figures that `bridge call` reports, and what it refuses to."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bridge.commands.phone.call_record import CallRecord, Moment
from bridge.commands.phone.call_report import (
    CallFigures,
    DishonestRun,
    TurnFigures,
    check_honesty,
    report,
    save_wav,
    timeline,
)


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
