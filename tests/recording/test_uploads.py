"""Recordings on their way to a bucket."""

import fcntl
import os
from pathlib import Path

import pytest

from bridge.recording.bucket import BucketFailed
from bridge.recording.uploads import Uploads, staged
from bridge.recording.wave_file import WaveFile

URL = "s3://calls/of.ours"


class Bucket:
    """Keeps what it is given, unless it is closed."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.closed: str = ""

    def put(self, path: Path, url: str) -> None:
        if self.closed and url.startswith(self.closed):
            raise BucketFailed("no such bucket")
        self.objects[url] = path.read_bytes()


def record(folder: Path, letter: str, url: str = URL, *, at: float = 1000.0) -> Path:
    path = staged(folder, url) / "2026-01-31" / f"{letter * 32}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(letter.encode())
    os.utime(path, (at, at))
    return path


def test_what_is_complete_is_uploaded_under_its_name_and_is_gone_here(tmp_path: Path) -> None:
    bucket, path = Bucket(), record(tmp_path, "a")
    assert Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0) == 1
    assert bucket.objects == {f"{URL}/2026-01-31/{'a' * 32}.wav": b"a"}
    assert not path.exists()


def test_what_is_still_written_waits(tmp_path: Path) -> None:
    bucket, young = Bucket(), record(tmp_path, "a", at=1999.0)
    old = staged(tmp_path, URL) / "2026-01-31" / f"{'b' * 32}.wav"
    file = WaveFile.create(old, sample_rate=8000)
    os.utime(old, (1000.0, 1000.0))
    assert Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0) == 0
    file.finish()
    os.utime(old, (1000.0, 1000.0))
    assert Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0) == 1
    assert young.exists()


def test_a_bucket_that_refuses_keeps_its_files_and_holds_up_no_other(tmp_path: Path) -> None:
    bucket, stays = Bucket(), record(tmp_path, "a", "s3://aaa")
    bucket.closed = "s3://aaa"
    record(tmp_path, "b", "s3://bbb")
    with pytest.raises(BucketFailed):
        Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0)
    assert list(bucket.objects) == [f"s3://bbb/2026-01-31/{'b' * 32}.wav"]
    assert stays.exists()
    bucket.closed = ""
    assert Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0) == 1


def test_what_is_no_recording_is_never_uploaded(tmp_path: Path) -> None:
    bucket, other = Bucket(), record(tmp_path, "a")
    other.rename(other.with_name("notes.wav"))
    assert Uploads(tmp_path, put=bucket.put).upload(now=lambda: 2000.0) == 0


def test_a_file_that_grows_is_locked(tmp_path: Path) -> None:
    file = WaveFile.create(tmp_path / "a.wav", sample_rate=8000)
    with (tmp_path / "a.wav").open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.finish()
