"""Recordings as Opus."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from bridge.recording.opus_file import OpusFile, is_installed

soundfile = pytest.importorskip("soundfile")
pytestmark = pytest.mark.skipif(not is_installed(), reason="libsndfile writes no Opus")


def second(hertz: float) -> bytes:
    """A tone, left; silence, right."""
    tone = (9000 * np.sin(2 * np.pi * hertz * np.arange(8000) / 8000)).astype("<i2")
    return np.stack([tone, np.zeros_like(tone)], axis=1).tobytes()


def test_both_sides_are_in_it_at_their_places(tmp_path: Path) -> None:
    file = OpusFile.create(path := tmp_path / "2026-01-31" / "a.opus", sample_rate=8000)
    file.skip(100_000)
    for _ in range(5):
        file.append(second(400))
    size, sha256 = file.finish()
    samples, rate = soundfile.read(path)
    assert (rate, len(samples)) == (8000, 140_000)
    assert np.abs(samples[:99_000]).max() < 0.01
    assert 0.15 < np.sqrt(np.mean(samples[101_000:, 0] ** 2)) < 0.25
    assert np.abs(samples[:, 1]).max() < 0.02
    assert size == path.stat().st_size < 140_000 * 4 / 5
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_its_writer_left_behind_can_be_played(tmp_path: Path) -> None:
    file = OpusFile.create(tmp_path / "a.opus", sample_rate=8000)
    for _ in range(10):
        file.append(second(400))
    shutil.copy(tmp_path / "a.opus", killed := tmp_path / "b.opus")
    file.finish()
    samples, _ = soundfile.read(killed)
    assert len(samples) >= 8 * 8000


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.opus").write_text("mine")
    with pytest.raises(FileExistsError):
        OpusFile.create(tmp_path / "a.opus", sample_rate=8000)
    with pytest.raises(OSError, match=r"b\.opus"):
        OpusFile.create(tmp_path / "b.opus", sample_rate=44_100)
    assert not (tmp_path / "b.opus").exists()
