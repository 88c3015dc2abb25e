"""A WAV file that grows, and can be played whenever its writer dies."""

import fcntl
import hashlib
import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CHANNELS: Final = 2
FRAME_BYTES: Final = 4
_MOST_BYTES: Final = 2**32 - 1 - _HEADER.size
_PIECE_BYTES: Final = 1 << 20


class WaveFile:
    """Stereo, 16 bit. Its methods block on the disk."""

    def __init__(self, path: Path, descriptor: int, sample_rate: int) -> None:
        """Use `create`."""
        self.path, self._descriptor, self._rate, self._size = path, descriptor, sample_rate, 0

    @classmethod
    def create(cls, path: Path, *, sample_rate: int) -> Self:
        """Make an empty one at `path`, which nobody but this user may read.

        Raises:
            OSError: it exists, or cannot be written there.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = cls(path, os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), sample_rate)
        with suppress(OSError):  # some file systems know no locks: it is for who uploads what nobody writes
            fcntl.flock(made.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made._tell_size()
        return made

    @property
    def descriptor(self) -> int:
        """Of the open file."""
        return self._descriptor

    def append(self, frames: bytes) -> None:
        """Add `frames`: left and right in turn. The header counts them once they are there.

        Raises:
            OSError: the disk is full, or the file as long as a WAV file can be. It stays as it was.
        """
        self._grow(len(frames))
        left, at = memoryview(frames), _HEADER.size + self._size
        while left:
            count = os.pwrite(self._descriptor, left, at)
            left, at = left[count:], at + count
        self._size += len(frames)
        self._tell_size()

    def skip(self, frames: int) -> None:
        """Add silence, which takes no room where the file system can help it.

        Raises:
            OSError: as `append`.
        """
        self._grow(frames * FRAME_BYTES)
        self._size += frames * FRAME_BYTES
        os.ftruncate(self._descriptor, _HEADER.size + self._size)
        self._tell_size()

    def silence_caller(self, first: int, end: int) -> None:
        """Take the left side out of the frames from `first` to `end`, as far as they are there.

        Raises:
            OSError: it is still in some of them.
        """
        end = min(end, self._size // FRAME_BYTES)
        for at in range(max(0, first), end, _PIECE_BYTES // FRAME_BYTES):
            place = _HEADER.size + at * FRAME_BYTES
            size = min(_PIECE_BYTES, (end - at) * FRAME_BYTES)
            frames = bytearray(os.pread(self._descriptor, size, place))
            frames[0::FRAME_BYTES] = frames[1::FRAME_BYTES] = bytes(len(frames) // FRAME_BYTES)
            os.pwrite(self._descriptor, frames, place)

    def finish(self) -> tuple[int, str]:
        """Close it; return its bytes, and their SHA-256 in hexadecimal digits.

        Raises:
            OSError: it cannot be read.
        """
        try:
            size = _HEADER.size + self._size
            os.ftruncate(self._descriptor, size)  # a write that failed may have left something behind
            digest, at = hashlib.sha256(), 0
            while piece := os.pread(self._descriptor, _PIECE_BYTES, at):
                digest.update(piece)
                at += len(piece)
            return size, digest.hexdigest()
        finally:
            os.close(self._descriptor)

    def _grow(self, size: int) -> None:
        if self._size + size > _MOST_BYTES:
            raise OSError(f"{self.path} is as long as a WAV file can be")

    def _tell_size(self) -> None:
        rate, frame = self._rate, FRAME_BYTES
        header = _HEADER.pack(
            *(b"RIFF", _HEADER.size - 8 + self._size, b"WAVE", b"fmt ", 16, 1, _CHANNELS),
            *(rate, rate * frame, frame, 8 * frame // _CHANNELS, b"data", self._size),
        )
        os.pwrite(self._descriptor, header, 0)
