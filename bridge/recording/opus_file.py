"""An Opus file (in Ogg, RFC 7845) that grows, by libsndfile. What is in it can be played whenever its writer dies."""

import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from bridge.recording.wave_file import FRAME_BYTES

log = logging.getLogger(__name__)

RATES: Final = (8000, 12_000, 16_000, 24_000, 48_000)
"""Hertz. Opus knows no others."""
_SILENCE_FRAMES: Final = 48_000


def is_installed() -> bool:
    """Return whether the extra `mp3`, which brings libsndfile, is there, and can write Opus."""
    try:
        import soundfile
    except (ImportError, OSError):  # OSError: the library inside is for another machine
        return False
    return "OPUS" in soundfile.available_subtypes("OGG")


class OpusFile:
    """Stereo. Like a `WaveFile`, of which it takes a sixth of the room."""

    def __init__(self, path: Path, descriptor: int, sound: Any) -> None:  # noqa: ANN401 - soundfile has no types
        """Use `create`."""
        self.path, self._descriptor, self._sound = path, descriptor, sound

    @classmethod
    def create(cls, path: Path, *, sample_rate: int) -> Self:
        """Make an empty one at `path`, which nobody but this user may read.

        Raises:
            OSError: it exists, cannot be written there, or Opus does not know the rate.
        """
        import soundfile

        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with suppress(OSError):  # some file systems know no locks: it is for who uploads what nobody writes
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            with _told(path):
                sound = soundfile.SoundFile(
                    descriptor, "w", samplerate=sample_rate, channels=2, format="OGG", subtype="OPUS", closefd=False
                )
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        return cls(path, descriptor, sound)

    def append(self, frames: bytes) -> None:
        """Add `frames`: 16 bit, left and right in turn.

        Raises:
            OSError: the disk is full.
        """
        with _told(self.path):
            self._sound.write(np.frombuffer(frames, "<i2").reshape(-1, 2))
            self._sound.flush()

    def skip(self, frames: int) -> None:
        """Add silence.

        Raises:
            OSError: as `append`.
        """
        for begin in range(0, frames, _SILENCE_FRAMES):
            self.append(bytes(min(_SILENCE_FRAMES, frames - begin) * FRAME_BYTES))

    def silence_caller(self, first: int, end: int) -> None:
        """It cannot be done: what is compressed is not changed in its place."""
        log.warning(
            "a card's number stays in the recording %s, %d s after its begin: --record-format wav can lose it",
            *(self.path, first // self._sound.samplerate),
        )

    def finish(self) -> tuple[int, str]:
        """Close it; return its bytes, and their SHA-256 in hexadecimal digits.

        Raises:
            OSError: its end cannot be written, or it cannot be read.
        """
        try:
            with _told(self.path):
                self._sound.close()
            with self.path.open("rb") as file:
                return os.fstat(self._descriptor).st_size, hashlib.file_digest(file, "sha256").hexdigest()
        finally:
            os.close(self._descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    import soundfile

    try:
        yield
    except soundfile.SoundFileError as error:
        raise OSError(f"{path}: {error}") from error
