"""The backlog on disk: in order, complete, bounded, and taken over from who died."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bridge.records.entries import Entry, EntryKind
from bridge.records.spool import Spool, SpoolFull

MOST = 10_000_000
Opened = Callable[[Path, int], Spool]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """What opens spools, which are closed at the end."""
    with ExitStack() as stack:

        def open_one(root: Path, most_bytes: int) -> Spool:
            spool = Spool.open(root, most_bytes=most_bytes)
            stack.callback(spool.close)
            return spool

        yield open_one


def entries(first: int, last: int, text: str = "") -> list[Entry]:
    return [Entry("r", number, 1.0, EntryKind.NOTE, text) for number in range(first, last + 1)]


def drained(spool: Spool, most: int = 100) -> list[int]:
    """Return the numbers of all entries, taken out."""
    numbers: list[int] = []
    while True:
        some, end = spool.oldest(most)
        if not some:
            return numbers
        numbers += [entry.number for entry in some]
        spool.forget(end)


def test_entries_come_out_in_the_order_in_which_they_went_in(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    spool.append(entries(1, 150))
    spool.append(entries(151, 160))
    assert drained(spool, 7) == list(range(1, 161))
    assert spool.size == 0
    spool.append(entries(161, 162))
    assert drained(spool) == [161, 162]


def test_what_was_not_forgotten_comes_again(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    spool.append(entries(1, 3))
    assert spool.oldest(2)[0] == spool.oldest(2)[0] == entries(1, 2)


def test_many_entries_lie_in_several_files_that_go_as_they_are_read(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    for number in range(1, 31):
        spool.append(entries(number, number, "x" * 100_000))
    files = list(tmp_path.glob("*/*.jsonl"))
    assert len(files) == 3
    assert drained(spool, 4) == list(range(1, 31))
    assert not list(tmp_path.glob("*/*.jsonl"))


def test_it_holds_no_more_than_it_may_and_takes_all_of_a_batch_or_nothing(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, 1000)
    spool.append(entries(1, 10))
    with pytest.raises(SpoolFull, match="1000"):
        spool.append(entries(11, 100))
    assert drained(spool) == list(range(1, 11))
    spool.append(entries(11, 20))
    assert drained(spool) == list(range(11, 21))


def test_a_disk_that_is_full_leaves_no_half_of_a_batch(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path, MOST)
    spool.append(entries(1, 2))
    out = spool._out
    assert out is not None
    written, write = out.tell, out.write

    class Full:
        """Takes five bytes, and no more."""

        def write(self, data: memoryview) -> int:
            if written() > begin:
                raise OSError(28, "No space left on device")
            return write(data[:5])

        def __getattr__(self, name: str) -> object:
            return getattr(out, name)

    begin = written()
    monkeypatch.setattr(spool, "_out", Full())
    with pytest.raises(OSError, match="No space"):
        spool.append(entries(3, 4))
    monkeypatch.setattr(spool, "_out", out)
    spool.append(entries(3, 4))
    assert drained(spool) == [1, 2, 3, 4]


def test_the_spool_of_a_process_that_is_gone_is_taken_over_without_its_torn_line(tmp_path: Path) -> None:
    dead = Spool.open(tmp_path, most_bytes=MOST)
    dead.append(entries(1, 5))
    dead.close()
    [file] = tmp_path.glob("*/*.jsonl")
    with file.open("ab") as out:
        out.write(b'["r",6,1.0,"note","tor')
    [left] = Spool.left_behind(tmp_path, most_bytes=MOST)
    assert drained(left) == [1, 2, 3, 4, 5]
    left.close()
    assert list(Spool.left_behind(tmp_path, most_bytes=MOST)) == []


def test_a_spool_in_use_is_left_alone(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    spool.append(entries(1, 1))
    assert list(Spool.left_behind(tmp_path, most_bytes=MOST)) == []


def test_an_empty_spool_leaves_nothing(tmp_path: Path) -> None:
    Spool.open(tmp_path, most_bytes=MOST).close()
    assert list(tmp_path.iterdir()) == []


def test_only_its_user_may_read_it(tmp_path: Path, opened: Opened) -> None:
    opened(tmp_path / "backlog", MOST)
    [folder] = (tmp_path / "backlog").iterdir()
    assert folder.stat().st_mode & 0o077 == 0


def test_it_names_the_calls_that_are_on_the_line(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    spool.append([Entry("a", 1, 1.0, EntryKind.STARTED), Entry("b", 1, 1.0, EntryKind.STARTED)])
    spool.append([Entry("a", 2, 1.0, EntryKind.ENDED), Entry("b", 2, 1.0, EntryKind.NOTE)])
    assert spool.calls == {"b"}
    drained(spool)
    assert spool.calls == {"b"}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n\n", b"a" * 100_000, b"a\0b\n"])
def test_a_damaged_list_of_calls_costs_no_entry(tmp_path: Path, content: bytes) -> None:
    died = Spool.open(tmp_path, most_bytes=MOST)
    died.append(entries(1, 3))
    died.close()
    next(tmp_path.iterdir()).joinpath("calls").write_bytes(content)
    (left,) = Spool.left_behind(tmp_path, most_bytes=MOST)
    assert drained(left) == [1, 2, 3]
    left.forget_calls()
    left.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_does_not_keep_an_end_from_being_written(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = opened(tmp_path, MOST)
    spool.append([Entry("a", 1, 1.0, EntryKind.STARTED)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    spool.append([Entry("a", 2, 1.0, EntryKind.ENDED)])
    assert drained(spool) == [1, 2]
    assert spool.calls == {"a"}
    monkeypatch.undo()
    spool.forget_calls()


def test_what_is_amended_is_nowhere_on_disk_and_keeps_its_place(tmp_path: Path, opened: Opened) -> None:
    spool = opened(tmp_path, MOST)
    first = Entry("r", 1, 1.0, EntryKind.CALLER, "my card is 4111 1111", {"from_ms": 1})
    short = Entry("r", 2, 1.0, EntryKind.CALLER, "4")
    spool.append([first, short, *entries(3, 5, "stays 4111 1111")])
    assert [entry.number for entry in spool.oldest(1)[0]] == [1]
    end = spool.oldest(1)[1]
    amending = [
        Entry("r", 6, 2.0, EntryKind.REDACTED, "my card is [card]", {"of": 1, "from_ms": 1}),
        Entry("r", 7, 2.0, EntryKind.REDACTED, "[card]", {"of": 2}),
        Entry("other", 1, 2.0, EntryKind.REDACTED, "[card]", {"of": 3}),
    ]
    spool.append(amending)
    [file] = tmp_path.glob("*/*.jsonl")
    assert b"my card is 4111" not in file.read_bytes()
    spool.forget(end)
    now, _ = spool.oldest(100)
    assert now[0] == Entry("r", 2, 1.0, EntryKind.CALLER)  # what is longer than it was comes with what amends it
    assert now[1:] == [*entries(3, 5, "stays 4111 1111"), *amending]
