"""Entries on this machine's disk, in order, until the database has them: a crash of either loses nothing that is here.

A spool is a folder of numbered files, one entry a line, and belongs to one process while that lives. A spool whose
process is gone is taken over by the next one.
"""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import IO, Final, Self
from uuid import uuid4

from bridge.records.entries import BadEntry, Entry, EntryKind, from_json

log = logging.getLogger(__name__)

_FILE_BYTES: Final = 1_000_000
_LOCK: Final = "lock"
_UNLOCKED: Final = "lock.new"
_CALLS: Final = "calls"
"""Names the records of the calls that are on the line, one a line."""


class SpoolFull(OSError):
    """It holds as much as it may. The text says where, and how much."""


class Spool:
    """One process's spool. Its methods block on the disk; call them from one thread at a time."""

    def __init__(self, folder: Path, lock: IO[bytes], *, most_bytes: int) -> None:
        """Use `open` or `left_behind`."""
        self._folder, self._lock, self._most_bytes = folder, lock, most_bytes
        self._files = sorted(folder.glob("*.jsonl"))
        self._size = sum(file.stat().st_size for file in self._files)
        self._next = int(self._files[-1].stem) + 1 if self._files else 1
        self._out: FileIO | None = None
        self._read_to = 0  # in the oldest file: entries before it are in the database
        self._calls = folder / _CALLS
        self.calls = frozenset(self._calls.read_text(errors="replace").split() if self._calls.exists() else ())
        """Records of the calls that have begun and not ended; of a process that is gone, those that it cut off."""

    @classmethod
    def open(cls, root: Path, *, most_bytes: int) -> Self:
        """Make a spool of this process's own below `root`.

        Raises:
            OSError: it cannot be written there.
        """
        folder = root / uuid4().hex
        folder.mkdir(parents=True, mode=0o700)
        lock = (folder / _UNLOCKED).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / _UNLOCKED).rename(folder / _LOCK)  # locked from the moment on at which others may find it
        return cls(folder, lock, most_bytes=most_bytes)

    @classmethod
    def left_behind(cls, root: Path, *, most_bytes: int) -> Iterator[Self]:
        """Yield the spools below `root` whose processes are gone."""
        for path in sorted(root.glob(f"*/{_LOCK}")):
            try:
                lock = path.open("wb")
            except OSError:  # its process has just ended, and took it away
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            yield cls(path.parent, lock, most_bytes=most_bytes)

    @property
    def size(self) -> int:
        """Bytes that it holds, those already in the database and not yet removed too."""
        return self._size

    def append(self, entries: Sequence[Entry]) -> None:
        """Add `entries`: all of them, or none. What they amend and is still here says so at once.

        Raises:
            SpoolFull: it holds too much. OSError: the disk is full, or worse.
        """
        lines = b"".join(entry.to_json() + b"\n" for entry in entries)
        begun = {entry.record for entry in entries if entry.kind is EntryKind.STARTED}
        ended = {entry.record for entry in entries if entry.kind is EntryKind.ENDED}
        if self._size + len(lines) > self._most_bytes:
            raise SpoolFull(f"{self._folder} holds {self._size} bytes, of {self._most_bytes} that it may hold")
        self._note_calls(self.calls | begun)
        self._amend({entry.amends: entry for entry in entries if entry.amends})
        out = self._out or self._new_file()
        begin = out.tell()
        left = memoryview(lines)
        try:
            while left:
                left = left[out.write(left) :]
        except OSError:
            os.ftruncate(out.fileno(), begin)  # half a batch would be read as the whole of it
            out.seek(begin)
            raise
        self._size += len(lines)
        with suppress(OSError):  # the lines are written; a call that is named for too long is known to have ended
            self._note_calls(self.calls - ended)
        if out.tell() >= _FILE_BYTES:
            self._close_newest()

    def _amend(self, by: Mapping[str, Entry]) -> None:
        """Write what is here of the entries that are keys of `by` as those say, over their old lines."""
        for path in self._files if by else ():
            with path.open("r+b", buffering=0) as file:
                end = 0
                for line in file.read().splitlines(keepends=True):
                    begin, end = end, end + len(line)
                    if entry := _amended(line, by):
                        os.pwrite(file.fileno(), _as_long_as(line, entry), begin)

    def oldest(self, most: int) -> tuple[list[Entry], int]:
        """Return the oldest entries, at most `most`, and how far they reach, for `forget`."""
        while self._files:
            entries, end = self._read(self._files[0], most)
            if entries or self._files[0] == self._newest_open:
                return entries, end
            self._remove_oldest()
        return [], 0

    def forget(self, end: int) -> None:
        """Drop what `oldest` returned: the database has it."""
        self._read_to = end
        if self._files and end >= self._files[0].stat().st_size:
            if len(self._files) == 1:
                self._close_newest()
            self._remove_oldest()

    def forget_calls(self) -> None:
        """Drop `calls`: the database has their ends."""
        self._note_calls(frozenset())

    def close(self) -> None:
        """Give it up; what it holds stays for the next process, and an empty one is removed."""
        self._close_newest()
        if not self._files and not self.calls:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _note_calls(self, records: frozenset[str]) -> None:
        if records != self.calls:
            new = self._calls.with_suffix(".new")
            new.write_text("".join(f"{record}\n" for record in sorted(records)))
            new.replace(self._calls)
            self.calls = records

    @property
    def _newest_open(self) -> Path | None:
        return self._files[-1] if self._out else None

    def _new_file(self) -> FileIO:
        path = self._folder / f"{self._next:08}.jsonl"
        # Unbuffered: what was written is the kernel's at once, and outlives this process.
        self._out = out = path.open("xb", buffering=0)
        self._files.append(path)
        self._next += 1
        return out

    def _close_newest(self) -> None:
        if self._out:
            self._out.close()
        self._out = None

    def _read(self, path: Path, most: int) -> tuple[list[Entry], int]:
        entries: list[Entry] = []
        end = self._read_to
        with path.open("rb") as lines:
            lines.seek(end)
            while len(entries) < most and (line := lines.readline()):
                end += len(line)
                try:
                    entries.append(from_json(line))
                except BadEntry as error:  # the process died as it wrote
                    log.error("%s: %s", path, error)
        return entries, end

    def _remove_oldest(self) -> None:
        path = self._files.pop(0)
        self._size -= path.stat().st_size
        self._read_to = 0
        path.unlink()


def _amended(line: bytes, by: Mapping[str, Entry]) -> Entry | None:
    """Return what the entry of `line` is now, None where it stays."""
    if not any(amending.record.encode() in line for amending in by.values()):
        return None
    try:
        entry = from_json(line)
    except BadEntry:
        return None
    amending = by.get(entry.key)
    return entry.amended(amending) if amending else None


def _as_long_as(line: bytes, entry: Entry) -> bytes:
    """Return `entry` as a line of the length of `line`, so that all others stay where they are."""
    new = entry.to_json()
    if len(new) >= len(line):  # "four" became "[card]": the entry that amends it, behind it, has its words
        new = replace(entry, text="", data={}).to_json()
    return new.ljust(len(line) - 1) + b"\n"
