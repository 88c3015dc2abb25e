"""Sentences on disk: a folder of files named by what is in them, written whole or not at all, bounded in bytes."""

import hashlib
import logging
import os
import struct
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

log = logging.getLogger(__name__)


class Key(NamedTuple):
    """What the sound of a sentence depends on."""

    identity: str
    """The voice: which, of which release, how fast, how loud."""
    text: str
    """What it reads, after spoken forms and the lexicon."""


Kept = npt.NDArray[np.int16]
"""Audio of a sentence at the rate of its voice, shape (n,)."""

_MAGIC: Final = b"voice-bridge sentence 1\n"
_HEAD: Final = struct.Struct(">I32s")  # samples, and the hash of their bytes
_SUFFIX: Final = ".sentence"
_MOST_WAITING: Final = 64
"""Sentences that wait to be written; what comes then is written when it is asked for again, in another run."""


class SentenceFiles:
    """One folder. Several servers may share it. A file that is not as it was written is a miss, and goes."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Make `folder`, for its owner alone, where it is not there; blocks.

        Raises:
            OSError: it cannot be made, or not be written to.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        self._folder, self._most_bytes = folder, most_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sentence-files")
        self._waiting = BoundedSemaphore(_MOST_WAITING)
        self._told = False
        self._shrink()

    def read(self, key: Key) -> Kept | None:
        """Return the sentence, None where it is not there; blocks. Never raises for what the file holds."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        head = len(_MAGIC) + _HEAD.size
        if data.startswith(_MAGIC) and len(data) > head:
            samples, digest = _HEAD.unpack_from(data, len(_MAGIC))
            sound = data[head:]
            if len(sound) == 2 * samples and hashlib.sha256(sound).digest() == digest:
                with suppress(OSError):
                    os.utime(path)  # it was used: the oldest go first
                return np.frombuffer(sound, "<i2").astype(np.int16)
        log.warning("%s is damaged: the sentence is made anew", path)
        with suppress(OSError):
            path.unlink()
        return None

    def write_later(self, key: Key, kept: Kept) -> None:
        """Have a thread write the sentence. What does not fit or cannot be written is not, and costs nothing more."""
        if not self._waiting.acquire(blocking=False):
            return
        try:
            self._thread.submit(self._write, key, kept)
        except RuntimeError:  # closed meanwhile
            self._waiting.release()

    def close(self) -> None:
        """Write what waits, and nothing more; blocks."""
        self._thread.shutdown()

    def _write(self, key: Key, kept: Kept) -> None:
        try:
            self._put(self._path(key), kept.astype("<i2").tobytes())
            self._shrink()
        except OSError as error:  # a full disk, say: the cache goes on in memory
            if not self._told:
                log.error("sentences are not kept in %s: %s", self._folder, error)
            self._told = True
        finally:
            self._waiting.release()

    def _put(self, path: Path, sound: bytes) -> None:
        if path.exists() or len(sound) > self._most_bytes:
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        file, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(file, "wb") as part:
                part.write(_MAGIC + _HEAD.pack(len(sound) // 2, hashlib.sha256(sound).digest()) + sound)
            os.replace(name, path)
        except BaseException:  # a crash of ours, too, leaves no half of it
            with suppress(OSError):
                os.unlink(name)
            raise

    def _shrink(self) -> None:
        """Remove what was not used for the longest time, until the rest fits."""
        files = [(stat.st_mtime, stat.st_size, path) for path in self._files() if (stat := _stat(path))]
        size = sum(size for _, size, _ in files)
        for _, bytes_, path in sorted(files):
            if size <= self._most_bytes:
                return
            with suppress(OSError):
                path.unlink()
            size -= bytes_

    def _files(self) -> list[Path]:
        return [*self._folder.glob(f"??/*{_SUFFIX}"), *self._folder.glob("??/*.part")]

    def _path(self, key: Key) -> Path:
        name = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / name[:2] / f"{name}{_SUFFIX}"


def _stat(path: Path) -> os.stat_result | None:
    with suppress(OSError):
        return path.stat()
    return None
