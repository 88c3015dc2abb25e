"""Sentences on disk: whole or not at all, bounded, and whatever lies there instead is a miss."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from bridge.speaking.voices.sentence_files import Kept, Key, SentenceFiles

KEY = Key("voice", "Hello.")
SOUND: Kept = np.arange(-500, 500, dtype=np.int16)


def kept_in(folder: Path, *keys: Key, most_bytes: int = 1_000_000) -> list[Path]:
    files = SentenceFiles(folder, most_bytes)
    for key in keys:
        files.write_later(key, SOUND)
    files.close()
    return sorted(folder.rglob("*.sentence"), key=lambda path: path.stat().st_mtime_ns)


def read(folder: Path, key: Key = KEY) -> Kept | None:
    return SentenceFiles(folder, 1_000_000).read(key)


def test_what_is_written_is_read_again_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "cache"
    [path] = kept_in(folder, KEY, KEY)
    sound = read(folder)
    assert sound is not None and (sound == SOUND).all()
    assert read(folder, Key("voice", "Bye.")) is None and read(folder, Key("voiceH", "ello.")) is None
    assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, path.parent, path)] == [0o700, 0o700, 0o600]
    assert "Hello" not in str(path)


@pytest.mark.parametrize("damage", [b"", b"x", b"RIFF" * 100, None])
def test_a_damaged_file_is_a_miss_and_goes(
    tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    [path] = kept_in(tmp_path, KEY)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage is None else damage)
    assert read(tmp_path) is None and not path.exists()
    assert "damaged" in caplog.text


@pytest.mark.parametrize("size", [10, 24, 30, 60, 61, 500])
def test_a_file_that_is_too_short_is_a_miss(tmp_path: Path, size: int) -> None:
    [path] = kept_in(tmp_path, KEY)
    path.write_bytes(path.read_bytes()[:size])
    assert read(tmp_path) is None


def test_what_was_not_used_for_longest_goes_where_there_is_no_room(tmp_path: Path) -> None:
    keys = [Key("voice", str(number)) for number in range(3)]
    for age, path in enumerate(kept_in(tmp_path, *keys)):
        os.utime(path, (1000 + age, 1000 + age))
    assert read(tmp_path, keys[0]) is not None  # it was used just now
    left = kept_in(tmp_path, Key("voice", "new"), most_bytes=3 * 2100)
    assert len(left) == 3
    assert read(tmp_path, keys[0]) is not None and read(tmp_path, keys[1]) is None


def test_a_sentence_larger_than_the_folder_may_be_is_not_written(tmp_path: Path) -> None:
    assert kept_in(tmp_path, KEY, most_bytes=100) == []


def test_a_folder_that_cannot_be_written_to_is_told_once_and_costs_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = SentenceFiles(tmp_path / "cache", 1_000_000)
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("in the way")
    files.write_later(KEY, SOUND)
    files.write_later(Key("voice", "Bye."), SOUND)
    files.close()
    files.write_later(KEY, SOUND)  # nobody writes any more
    assert files.read(KEY) is None
    assert caplog.text.count("sentences are not kept") == 1


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        SentenceFiles(tmp_path / "file", 1_000_000)
