"""How much each worker of a server carries, in memory that all of them see: who carries least takes the next caller.

A row a process, of 16 bytes: its process id, its weight, and whether it takes calls. Only its owner writes it, so
nobody waits for anybody; whoever reads a row as it is written decides by the one before.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROWS: Final = 256
"""Processes at the same time: workers, those that take their place, and those that still have calls."""
_ROW: Final = struct.Struct("=IIII")
_STEP_S: Final = 0.005
"""A worker that is not stuck takes a caller within a millisecond or two."""
_LONGEST_S: Final = 0.04


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What a worker says of itself."""

    row: int
    weight: int
    """Calls and clients on it, and connections that have not said yet what they want."""
    takes_calls: bool


class Scoreboard:
    """All rows."""

    def __init__(self, path: Path) -> None:
        """`path`: the file behind it; made where it is not there.

        Raises:
            OSError: it cannot be had.
        """
        with path.open("a+b") as file:
            file.truncate(ROWS * _ROW.size)
            self._memory = mmap.mmap(file.fileno(), ROWS * _ROW.size)

    def put(self, row: int, *, pid: int, weight: int, takes_calls: bool) -> None:
        """Write a row."""
        _ROW.pack_into(self._memory, row * _ROW.size, pid, weight, takes_calls, 0)

    def clear(self, row: int) -> None:
        """Free a row: its process is gone."""
        self.put(row, pid=0, weight=0, takes_calls=False)

    def standings(self) -> list[WorkerLoad]:
        """Return the rows of those that are there."""
        rows = enumerate(_ROW.iter_unpack(self._memory))
        return [WorkerLoad(row, weight, bool(takes)) for row, (pid, weight, takes, _) in rows if pid]

    def patience_s(self, row: int) -> float:
        """Return for how many seconds the worker of `row` leaves a caller who waits to others: 0 for who carries least.

        The longer the more it carries than they, and never for long, as they may be stuck.
        """
        standings = self.standings()
        own = next((each for each in standings if each.row == row), None)
        if own is None:
            return 0.0
        others = [each.weight for each in standings if each.takes_calls and each.row != row]
        if not others or not own.takes_calls:
            return _LONGEST_S if others else 0.0
        return min(max(0.0, _STEP_S * (own.weight - min(others))), _LONGEST_S)

    def freest(self, *, but: int) -> int | None:
        """Return the row of the worker that takes calls and carries least, without that of `but`; None for none."""
        able = [each for each in self.standings() if each.takes_calls and each.row != but]
        return min(able, key=lambda each: each.weight).row if able else None

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
