"""The audio of one caller turn while it grows."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Samples

_FIRST_CAPACITY: Final = 4 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Snapshot:
    audio: Samples
    """All of the utterance so far. A view: do not write to it."""
    complete: bool
    """The caller paused or is done: unless speech goes on, its hypothesis is the final one."""


class Utterance:
    """Grows in the receive loop and is read by one transcribing task; both on the event loop."""

    def __init__(self, began_ms: int) -> None:
        self.began_ms = began_ms
        self.ended_ms = began_ms
        self.closed = False
        self.told = False  # its final has been handed on
        self.owed = False  # the client waits for its final, also an empty one
        self._buffer = np.empty(_FIRST_CAPACITY, np.float32)
        self._length = 0
        self._paused_at: int | None = None  # length when the caller fell silent; None while speaking
        self._changed = asyncio.Event()

    @property
    def audio(self) -> Samples:
        return self._buffer[: self._length]

    def add(self, samples: Samples) -> None:
        """Append caller audio; a snapshot taken before keeps its own view."""
        needed = self._length + len(samples)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer)), np.float32)
            grown[: self._length] = self.audio
            self._buffer = grown
        self._buffer[self._length : needed] = samples
        self._length = needed
        self._changed.set()

    def pause(self) -> None:
        """The caller fell silent, for a breath or for good."""
        self._paused_at = self._length
        self._changed.set()

    def resume(self) -> None:
        self._paused_at = None

    def close(self, ended_ms: int) -> None:
        """Nothing more will be added."""
        self.ended_ms, self.closed = ended_ms, True
        self._changed.set()

    async def snapshots(self, step: int) -> AsyncIterator[Snapshot]:
        """Yield the utterance at every pause and whenever `step` samples more are there; the last one is complete.

        A slow reader misses snapshots instead of falling behind: what it gets is always the newest.
        Silence after a pause is not worth a snapshot.
        """
        seen = 0  # samples in the newest snapshot
        settled: int | None = None  # the pause whose snapshot was taken
        while True:
            if self._paused_at is not None and self._paused_at != settled:
                settled = seen = self._paused_at
                yield Snapshot(self._buffer[:settled], complete=True)
            elif self.closed:
                if self._paused_at is None:
                    yield Snapshot(self.audio, complete=True)
                return
            elif self._paused_at is None and self._length - seen >= step:
                seen = self._length
                yield Snapshot(self.audio, complete=False)
            else:
                self._changed.clear()
                await self._changed.wait()
