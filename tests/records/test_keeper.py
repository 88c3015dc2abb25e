"""On the way to the database nothing is lost, doubled or swapped, whatever fails."""

import asyncio
import os
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from waiting import until

from bridge.records.entries import Entry, EntryKind
from bridge.records.keeper import Keeper
from bridge.records.shelf import DatabaseFailed
from bridge.records.spool import Spool

MOST = 10_000_000


class List:
    """A shelf that fails as long as it is told to."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.ended: list[str] = []
        self.failing = False
        self.tries = 0

    async def write(self, entries: Sequence[Entry], /) -> None:
        self.tries += 1
        if self.failing:
            raise DatabaseFailed("it is down")
        self.entries += [entry for entry in entries if entry not in self.entries]

    async def end(self, records: Collection[str], /) -> None:
        if self.failing:
            raise DatabaseFailed("it is down")
        self.ended += sorted(records)

    @property
    def numbers(self) -> list[int]:
        return [entry.number for entry in self.entries]


def entry(number: int) -> Entry:
    return Entry("r", number, 1.0, EntryKind.NOTE)


async def test_what_is_put_arrives_in_order(tmp_path: Path) -> None:
    shelf = List()
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001) as keeper:
        for number in range(1, 2001):
            keeper.put(entry(number))
        await until(lambda: len(shelf.entries) == 2000)
    assert shelf.numbers == list(range(1, 2001))
    assert os.listdir(tmp_path) == []


async def test_what_was_put_last_arrives_before_the_end(tmp_path: Path) -> None:
    shelf = List()
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=60) as keeper:
        keeper.put(entry(1))
        await until(lambda: shelf.numbers == [1])
        keeper.put(entry(2))
    assert shelf.numbers == [1, 2]


async def test_a_database_that_is_down_costs_a_backlog_which_it_gets_once_it_is_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, backlog = List(), list[int]()
    shelf.failing = True
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001, on_backlog=backlog.append) as keeper:
        for number in range(1, 51):
            keeper.put(entry(number))
            await asyncio.sleep(0)
        await until(lambda: shelf.tries >= 2)
        assert shelf.entries == []
        shelf.failing = False
        await until(lambda: len(shelf.entries) == 50)
    assert shelf.numbers == list(range(1, 51))
    assert backlog[-1] == 0
    told = [record.message for record in caplog.records if "database" in record.message]
    assert len(told) == 2  # once that it is down, once that it is back


async def test_what_the_database_lacks_at_the_end_is_there_for_the_next_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = List()
    shelf.failing = True
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001) as keeper:
        keeper.put(entry(1))
    assert "wait on disk for the next start" in caplog.text
    shelf.failing = False
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001) as keeper:
        keeper.put(entry(2))
        await until(lambda: len(shelf.entries) == 2)
    assert shelf.numbers == [1, 2]
    assert os.listdir(tmp_path) == []


async def test_a_disk_that_refuses_costs_nothing_while_memory_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shelf, append, full = List(), Spool.append, True

    def refuse(self: Spool, entries: Sequence[Entry]) -> None:
        if full:
            raise OSError(28, "No space left on device")
        append(self, entries)

    monkeypatch.setattr(Spool, "append", refuse)
    monkeypatch.setattr("bridge.records.keeper._DISK_RETRY_S", 0.01)
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001) as keeper:
        keeper.put(entry(1))
        await until(lambda: "wait in memory" in caplog.text)
        keeper.put(entry(2))
        full = False
        await until(lambda: len(shelf.entries) == 2)
    assert shelf.numbers == [1, 2]


async def test_what_neither_disk_nor_memory_holds_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Spool, entries: Sequence[Entry]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", refuse)
    monkeypatch.setattr("bridge.records.keeper._MOST_WAITING", 5)
    lost = list[int]()
    async with Keeper(List(), tmp_path, most_bytes=MOST, on_lost=lost.append) as keeper:
        for number in range(1, 9):
            keeper.put(entry(number))
    assert sum(lost) == 8  # three at once, five at the end
    assert caplog.text.count("call records are lost") == 1


async def test_a_folder_that_cannot_be_written_to_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        await Keeper(List(), tmp_path / "file", most_bytes=MOST).__aenter__()


async def test_a_fault_of_ours_costs_a_backlog_and_is_told_with_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Faulty(List):
        async def write(self, entries: Sequence[Entry], /) -> None:
            self.tries += 1
            if self.tries == 1:
                raise KeyError("a mistake")
            await super().write(entries)

    shelf = Faulty()
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001) as keeper:
        keeper.put(entry(1))
        await until(lambda: shelf.numbers == [1])
    assert "KeyError: 'a mistake'" in caplog.text


async def test_calls_whose_server_died_are_ended_by_the_next(tmp_path: Path) -> None:
    died = Spool.open(tmp_path, most_bytes=MOST)
    died.append([Entry(record, 1, 1.0, EntryKind.STARTED) for record in "abc"])
    died.append([Entry("b", 2, 2.0, EntryKind.ENDED)])
    died.close()
    shelf = List()
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001):
        await until(lambda: len(shelf.ended) == 2)
    assert shelf.ended == ["a", "c"]
    assert len(shelf.entries) == 4
    assert os.listdir(tmp_path) == []


async def test_they_are_ended_though_all_of_them_was_in_the_database_and_not_while_that_is_down(tmp_path: Path) -> None:
    died = Spool.open(tmp_path, most_bytes=MOST)
    died.append([Entry("a", 1, 1.0, EntryKind.STARTED)])
    _, end = died.oldest(10)
    died.forget(end)
    died.close()
    shelf = List()
    shelf.failing = True
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001, end_s=0.1):
        pass
    assert shelf.ended == []
    shelf.failing = False
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001):
        await until(lambda: bool(shelf.ended))
    assert shelf.ended == ["a"]
    assert os.listdir(tmp_path) == []


async def test_what_another_process_leaves_behind_is_found_while_this_one_lives(tmp_path: Path) -> None:
    other, shelf = Spool.open(tmp_path, most_bytes=MOST), List()
    other.append([Entry("a", 1, 1.0, EntryKind.STARTED)])
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001, inherit_every_s=0.01) as keeper:
        keeper.put(entry(1))
        await until(lambda: shelf.numbers == [1])
        assert shelf.ended == []
        other.close()
        await until(lambda: shelf.ended == ["a"])
    assert os.listdir(tmp_path) == []


async def test_what_waits_for_a_database_that_is_down_is_amended_in_memory_and_on_disk(tmp_path: Path) -> None:
    shelf, backlog = List(), list[int]()
    shelf.failing = True
    card = Entry("r", 1, 1.0, EntryKind.CALLER, "my card is 4111 1111")
    async with Keeper(shelf, tmp_path, most_bytes=MOST, every_s=0.001, on_backlog=backlog.append) as keeper:
        keeper.put(card)
        await until(lambda: any(b"4111" in file.read_bytes() for file in tmp_path.glob("*/*.jsonl")))
        keeper.put(Entry("r", 2, 2.0, EntryKind.CALLER, "1234"))
        keeper.put(Entry("r", 3, 2.0, EntryKind.REDACTED, "[card]", {"of": 2}))
        keeper.put(Entry("r", 4, 2.0, EntryKind.REDACTED, "my card is [card]", {"of": 1}))
        await until(lambda: not any(b"4111" in file.read_bytes() for file in tmp_path.glob("*/*.jsonl")))
        shelf.failing = False
        await until(lambda: shelf.numbers == [1, 2, 3, 4])
    assert "1234" not in str(shelf.entries)
    assert "4111" not in str(shelf.entries)
