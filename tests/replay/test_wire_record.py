"""Reading records: whole ones, those cut short, and what is none."""

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from kept_call import Plan, keep

from bridge.replay.rerun import rerun
from bridge.replay.wire_record import RecordFault, read, records_in

packed = partial(gzip.compress, mtime=0)
"""The same bytes each time: they name the tests."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "a.wire.gz"
    keep(Plan(seed=3, lasts_s=4, speaks=[(1.0, 0.8, "Yes.")], faulty=False), path)
    return path


def changed(kept: Path, path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    with gzip.open(kept, "rt", encoding="utf-8") as file:
        lines = change(file.read().splitlines())
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return path


def test_a_record_is_whole_where_it_has_an_end_and_nothing_was_lost(kept: Path, tmp_path: Path) -> None:
    assert read(kept).whole
    lost = changed(kept, tmp_path / "lost.wire.gz", lambda lines: [*lines[:5], '{"is":"lost","lines":7}', *lines[5:]])
    assert (read(lost).whole, read(lost).lost) == (False, 7)


def test_a_file_that_breaks_off_is_read_up_to_there(kept: Path, tmp_path: Path) -> None:
    data = kept.read_bytes()
    cut = tmp_path / "cut.wire.gz"
    cut.write_bytes(data[: len(data) * 9 // 10])
    record = read(cut)
    assert record.cut and 0 < len(record.heard) < len(read(kept).heard)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"RIFF....WAVE", "line 1: the file is damaged, or not compressed"),
        (packed(b"hello\n"), "line 1: it is no JSON"),
        (packed(b"[1]\n"), "line 1: it is no line of a record"),
        (packed(b'{"is":"begin"}\n'), "line 1: this is no voice-bridge wire record"),
        (packed(b"[" * 100_000 + b"\n"), "line 1: it is no JSON"),
        (packed(b'{"is":"begin","t":-1}\n'), "line 1: t is -1"),
        (packed(b'{"is":"begin","format":"voice-bridge wire record","version":2}\n'), "version is 2"),
    ],
)
def test_what_is_no_record_is_refused_with_its_name_and_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "x.wire.gz"
    path.write_bytes(data)
    with pytest.raises(RecordFault, match=why) as refused:
        read(path)
    assert str(path) in str(refused.value)


def test_a_file_that_unpacks_without_end_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "bomb.wire.gz"
    path.write_bytes(gzip.compress(b"0" * 40_000_000))
    with pytest.raises(RecordFault, match="line 1: it is too long"):
        read(path)


@pytest.mark.parametrize(
    ("kind", "damage", "why"),
    [
        ("heard", {"audio": "?"}, "audio is no base64"),
        ("heard", {"event": "Sing"}, "event is 'Sing'"),
        ("vad", {"p": "high"}, "p is 'high'"),
        ("ask", {"n": None}, "n is missing"),
        ("sound", {"rate": 0}, "rate 0"),
        ("piece", {"sound": "f00", "text": None, "do": "Dance"}, "f00|Dance"),
        ("done", {"pieces": 7, "p": {}}, "pieces|p is"),
        ("event", {"is": "sing"}, "is is 'sing'"),
    ],
)
def test_a_damaged_line_is_named(kept: Path, tmp_path: Path, kind: str, damage: dict[str, object], why: str) -> None:
    numbers = list[int]()

    def damaged(lines: list[str]) -> list[str]:
        for number, line in enumerate(lines):
            if json.loads(line)["is"] == kind:
                numbers.append(number + 1)
                lines[number] = json.dumps({**json.loads(line), **damage})
        return lines

    path = changed(kept, tmp_path / "damaged.wire.gz", damaged)
    with pytest.raises(RecordFault, match=why) as refused:
        rerun(read(path))
    assert any(f"{path}, line {number}: " in str(refused.value) for number in numbers)


def test_a_header_without_what_it_has_to_say_is_refused(kept: Path, tmp_path: Path) -> None:
    for name in ("call", "voices"):

        def without(lines: list[str], name: str = name) -> list[str]:
            return [json.dumps({**json.loads(lines[0]), name: 7}), *lines[1:]]

        path = changed(kept, tmp_path / f"{name}.wire.gz", without)
        with pytest.raises(RecordFault, match="line 1: "):
            rerun(read(path))


def test_a_folder_is_all_records_below_it(kept: Path) -> None:
    assert records_in([kept.parent]) == [kept]
    with pytest.raises(RecordFault, match="no record"):
        records_in([Path(__file__).parent])
