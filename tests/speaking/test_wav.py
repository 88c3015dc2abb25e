"""Files that a bot plays."""

from pathlib import Path

import numpy as np
import pytest
from wav_files import write

from bridge.speaking.wav import MAX_S, read_wav, samples_of


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_of_any_rate_is_as_long_and_as_loud_as_it_was(tmp_path: Path, rate: int, channels: int) -> None:
    samples = read_wav(write(tmp_path / "a.wav", rate=rate, channels=channels), 24_000)
    assert abs(len(samples) - 24_000) < 100
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(8000 / 32768 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_file_that_was_written_before_its_length_was_known_is_as_long_as_it_is(tmp_path: Path, size: int) -> None:
    streamed = bytearray(Path(write(tmp_path / "s.wav", rate=8000)).read_bytes())
    streamed[4:8] = streamed[40:44] = size.to_bytes(4, "little")
    assert len(samples_of(bytes(streamed), 8000)) == 8000
    assert len(samples_of(bytes(streamed[:-1]), 8000)) == 7999


def test_what_cannot_be_played_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8 bits; allowed: 16"):
        read_wav(write(tmp_path / "b.wav", width=1), 8000)
    (tmp_path / "c.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="no WAV file"):
        read_wav(str(tmp_path / "c.wav"), 8000)
    with pytest.raises(ValueError, match=f"at most {MAX_S}"):
        read_wav(write(tmp_path / "d.wav", rate=100, seconds=MAX_S + 1), 8000)
    silent = bytearray(Path(write(tmp_path / "f.wav", rate=8000)).read_bytes())
    silent[24:28] = bytes(4)  # where its rate stands
    (tmp_path / "f.wav").write_bytes(silent)
    with pytest.raises(ValueError, match="no samples a second"):
        read_wav(str(tmp_path / "f.wav"), 8000)
    (tmp_path / "g.wav").write_bytes(b"RIFF\x10\0\0\0WAVEjunk\xff\0\0\0")  # a chunk that is longer than the file
    with pytest.raises(ValueError, match="no WAV file"):
        read_wav(str(tmp_path / "g.wav"), 8000)
    with pytest.raises(FileNotFoundError):
        read_wav(str(tmp_path / "e.wav"), 8000)
