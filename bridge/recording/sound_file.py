"""What a recording is written to."""

from typing import Protocol


class SoundFile(Protocol):
    """A file that grows: a `WaveFile`, an `OpusFile`."""

    def append(self, frames: bytes) -> None:
        """Add `frames`; raises OSError where they cannot be."""

    def skip(self, frames: int) -> None:
        """Add so many of silence; raises OSError."""

    def silence_caller(self, first: int, end: int) -> None:
        """Take the caller's side out of the frames from `first` to `end`, as far as they are there; raises OSError."""

    def finish(self) -> tuple[int, str]:
        """Close it; return its bytes and their SHA-256; raises OSError."""
