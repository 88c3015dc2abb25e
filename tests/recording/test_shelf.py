"""Which recordings are deleted."""

import os
from pathlib import Path

import pytest

from bridge.recording import shelf

RECORD = "0123456789abcdef" * 2


def put(root: Path, name: str, *, at: float = 1000.0) -> Path:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (at, at))
    return path


def test_a_recording_is_named_by_its_day_and_record() -> None:
    assert shelf.path_of(Path("/r"), RECORD, at=86_399.0) == Path(f"/r/1970-01-01/{RECORD}.wav")


def test_what_is_too_old_goes_and_what_is_no_recording_stays(tmp_path: Path) -> None:
    old = put(tmp_path, f"1970-01-01/{RECORD}.wav")
    young = put(tmp_path, f"1970-01-02/{RECORD}.wav", at=3000.0)
    others = [put(tmp_path, name) for name in ("1970-01-02/music.wav", f"music/{RECORD}.wav")]
    assert shelf.expire([tmp_path], before=2000.0) == 1
    assert not old.parent.exists()
    assert all(path.exists() for path in [young, *others])
    assert shelf.expire([tmp_path], before=float("-inf")) == 0


def test_the_recording_of_one_call_is_deleted_and_no_name_leads_elsewhere(tmp_path: Path) -> None:
    path = put(tmp_path, f"1970-01-01/{RECORD}.wav")
    put(tmp_path, f"1970-01-01/{RECORD}.wire.gz")
    other = put(tmp_path, f"1970-01-01/{'f' * 32}.wav")
    for hostile in ("*", "../1970-01-01/" + RECORD, "", "?" * 32):
        assert shelf.delete([tmp_path], hostile) == 0
    assert shelf.delete([tmp_path], RECORD) == 2
    assert not path.exists()
    assert other.exists()


def test_a_place_that_cannot_be_written_to_is_told_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(shelf.NoRecordings, match="--record-calls"):
        shelf.prepare(tmp_path / "file" / "below")
