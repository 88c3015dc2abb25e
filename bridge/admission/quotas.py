"""What may be had so many times at once: lines, clients of an address, connections. In one process, or over several."""

import fcntl
import hashlib
import os
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Protocol

_FLOCK: Final = struct.Struct("hhqqi4x")
"""struct flock of 64 bit Linux: type, whence, start, length, process."""
_ROOM: Final = 1 << 20
"""Bytes of a name in the file of locks, one for each time it is had: more than any limit of the settings."""


class Quotas(Protocol):
    """Counts what is had, by name."""

    def take(self, name: str, limit: int) -> Callable[[], None] | None:
        """Have `name` once more; return what gives it back, to be called once. None where `limit` have it."""

    def full(self, name: str, limit: int) -> bool:
        """Return whether `take` would return None."""


class OwnQuotas:
    """Those of one process."""

    def __init__(self) -> None:
        self._had = Counter[str]()

    def take(self, name: str, limit: int) -> Callable[[], None] | None:
        """See Quotas."""
        if self.full(name, limit):
            return None
        self._had[name] += 1
        return partial(self._give_back, name)

    def full(self, name: str, limit: int) -> bool:
        """See Quotas."""
        return self._had.get(name, 0) >= limit

    def _give_back(self, name: str) -> None:
        self._had[name] -= 1
        if not self._had[name]:
            del self._had[name]


class SharedQuotas:
    """Those of several processes: a time that something is had is the lock of one byte in a file that all have open.

    The kernel takes a byte's lock atomically, in a microsecond, and gives back what a dead process had. Only locks are
    in the file: it stays empty.
    """

    def __init__(self, path: Path, *, share: float = 0.0) -> None:
        """`path`: the file, made where it is not there; nothing else of this process may open it, as the first close
        would drop all locks. `share`, from 0 to 1: where among its bytes this process looks first, so that processes
        seldom meet.

        Raises:
            OSError: it cannot be opened.
        """
        self._file = path.open("ab")
        self._share = share
        self._had: defaultdict[str, set[int]] = defaultdict(set)

    def take(self, name: str, limit: int) -> Callable[[], None] | None:
        """See Quotas."""
        for number in self._free(name, limit):
            if self._lock(_base(name) + number):
                self._had[name].add(number)
                return partial(self._give_back, name, number)
        return None

    def full(self, name: str, limit: int) -> bool:
        """See Quotas."""
        return next(self._free(name, limit), None) is None

    def _free(self, name: str, limit: int) -> Iterator[int]:
        """Yield the numbers of bytes that nobody has. To look takes no lock: who takes one meanwhile is not refused."""
        base, had, first = _base(name), self._had.get(name, ()), int(self._share * limit)
        for begin, end in (first, limit), (0, first):
            number = begin
            while number < end:
                if number in had:
                    number += 1
                elif locked := self._locked_by_another(base + number):
                    number = locked - base
                else:
                    yield number
                    number += 1

    def _locked_by_another(self, at: int) -> int:
        """Return where the lock of another process ends that has the byte `at`; 0 where none has it."""
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0)
        kind, _, start, length, _ = _FLOCK.unpack(fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(start + length)

    def close(self) -> None:
        """Give all back."""
        self._file.close()

    def _lock(self, at: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
        except OSError:  # another process has it
            return False
        return True

    def _give_back(self, name: str, number: int) -> None:
        had = self._had[name]
        had.discard(number)
        if not had:
            del self._had[name]
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _base(name) + number)


def _base(name: str) -> int:
    """Return where the bytes of `name` begin; two names meet once in 2^42."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big") * _ROOM
