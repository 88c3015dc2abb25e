"""The file of one call's record: lines of JSON, compressed. What was written up to a crash can be read."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from bridge.capture.notation import FileAt, KeptSound, Line, plain, sound_line

_LARGEST_FILE: Final = 20_000_000
"""Bytes of a recording that a bot plays. What is larger is left out, and the record says so."""
_GZIP: Final = 31  # of zlib's window bits


class WireFile:
    """Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened before the first line."""
        self._path = path
        self._file: BinaryIO | None = None
        self._compress = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        self._known = set[str]()  # sounds and files that the record has

    def append(self, lines: Sequence[Line]) -> None:
        """Add `lines`; they can be read once this returns.

        Raises:
            OSError: they cannot be written.
        """
        if self._file is None:
            self._file = self._open()
        text = "".join(f"{written}\n" for line in lines for written in self._written(line))
        self._file.write(self._compress.compress(text.encode()) + self._compress.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        """Nothing follows.

        Raises:
            OSError: the disk refuses the rest.
        """
        if self._file:
            with self._file as file:
                file.write(self._compress.flush(zlib.Z_FINISH))
            self._file = None

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _written(self, line: Line) -> Iterator[str]:
        """Yield `line` as JSON; behind it the sounds and files that it names, which the record does not have yet."""
        named, behind = dict(line), list[Line]()
        for key, value in line.items():
            if isinstance(value, KeptSound):
                named[key] = digest = _digest(value.samples + str(value.sample_rate).encode())
                if digest not in self._known:
                    behind.append({"is": "sound", "id": digest, **sound_line(value)})
                self._known.add(digest)
            elif isinstance(value, FileAt):
                named[key], written = self._file_of(value)
                behind += [written] if written else []
        yield from map(_json, [named, *behind])

    def _file_of(self, file: FileAt) -> tuple[str, Line | None]:
        try:
            with Path(file.path).open("rb") as opened:
                data = opened.read(_LARGEST_FILE + 1)
        except (OSError, ValueError) as error:
            return "", {"is": "missing", "what": file.path, "why": str(error)}
        if len(data) > _LARGEST_FILE:
            return "", {"is": "missing", "what": file.path, "why": f"it has more than {_LARGEST_FILE} bytes"}
        digest = _digest(data)
        if digest in self._known:
            return digest, None
        self._known.add(digest)
        return digest, {"is": "file", "id": digest, "data": data}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _json(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"), default=plain)
