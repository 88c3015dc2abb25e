"""The file of one call's record."""

import gzip
import json
import zlib
from pathlib import Path

import numpy as np

from bridge.capture.notation import FileAt, Line, sound
from bridge.capture.wire_file import WireFile


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def test_lines_are_json_that_any_gzip_reads_and_nobody_else_may(tmp_path: Path) -> None:
    file = WireFile(tmp_path / "2026-01-31" / "a.wire.gz")
    file.append([{"is": "heard", "audio": b"\xff"}, {"is": "event", "text": "Grüße"}])
    file.close()
    assert lines_of(tmp_path / "2026-01-31" / "a.wire.gz") == [
        {"is": "heard", "audio": "/w=="},
        {"is": "event", "text": "Grüße"},
    ]
    assert (tmp_path / "2026-01-31" / "a.wire.gz").stat().st_mode & 0o077 == 0


def test_a_sound_is_in_the_file_once_however_often_it_is_said(tmp_path: Path) -> None:
    hello, other = np.full(100, 0.5, np.float32), np.full(100, 0.25, np.float32)
    file = WireFile(tmp_path / "a.wire.gz")
    file.append([{"is": "piece", "sound": sound(each, 8000)} for each in (hello, hello, other)])
    file.append([{"is": "piece", "sound": sound(hello, 8000)}])
    file.close()
    lines = lines_of(tmp_path / "a.wire.gz")
    assert [line["is"] for line in lines] == ["piece", "sound", "piece", "piece", "sound", "piece"]
    named = [line["sound"] for line in lines if line["is"] == "piece"]
    assert named[0] == named[1] == named[3] != named[2]


def test_what_was_written_before_a_crash_can_be_read(tmp_path: Path) -> None:
    file = WireFile(tmp_path / "a.wire.gz")
    file.append([{"is": "heard", "n": n} for n in range(100)])
    read = zlib.decompressobj(31).decompress((tmp_path / "a.wire.gz").read_bytes())  # the file is not closed
    file.close()
    assert json.loads(read.splitlines()[-1])["n"] == 99


def test_a_recording_that_a_bot_played_is_in_the_file_and_one_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    file = WireFile(tmp_path / "a.wire.gz")
    file.append([{"is": "piece", "file": FileAt(str(tmp_path / name))} for name in ("a.wav", "a.wav", "gone.wav")])
    file.close()
    lines = lines_of(tmp_path / "a.wire.gz")
    assert [line["is"] for line in lines] == ["piece", "file", "piece", "piece", "missing"]
    assert lines[1]["data"] == "UklGRg==" and "No such file" in str(lines[4]["why"])
