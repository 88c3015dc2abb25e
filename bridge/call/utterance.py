"""The audio of one utterance of the caller: what came just before it, and how it grows."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.ear import ScoredWindow

T = TypeVar("T")

PREROLL_MS: Final = 300
"""Kept before the onset: Silero needs a window or two to believe in a soft one."""
_FIRST_CAPACITY: Final = 4 * SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An utterance as it was at one moment."""

    audio: Samples
    """All of the utterance so far. A view: do not write to it."""
    spoken_ms: int
    """Milliseconds of speech in it, by the VAD."""
    complete: bool
    """The caller paused or is done. Unless speech goes on, the text of this snapshot is the final."""

    @property
    def length_ms(self) -> int:
        """How long `audio` is."""
        return len(self.audio) * 1000 // SAMPLE_RATE


class Utterance:
    """The audio of one utterance. The receive loop adds to it, one task reads it; both on the event loop."""

    def __init__(self, began_ms: int, key: str = "") -> None:
        """`began_ms`: media time of its onset. `key` names it to the engines, e.g. a UUID."""
        self.began_ms, self.key = began_ms, key
        self.ended_ms = began_ms
        self.audio_from_ms = began_ms  # media time of the first sample, which may be before the onset
        self.closed = False
        self.told = False  # its final has been handed on
        self.owed = False  # the client waits for its final, also an empty one
        self.cut = False  # it was too long: the turn goes on
        self._buffer = np.empty(_FIRST_CAPACITY, np.float32)
        self._length = 0
        self._spoken_ms = 0
        self._speech_end = 0  # samples up to the end of the newest speech
        self._paused_at: int | None = None  # length when the caller fell silent; None while speaking
        self._changed = asyncio.Event()
        self._due: Callable[[int, int], bool] = lambda spoken_ms, speech_end_ms: False  # until somebody reads
        self._decoding: asyncio.Timeout | None = None
        self._until_closed = False  # what is under way is not wanted past the end either

    @property
    def audio(self) -> Samples:
        """All of it so far, 16 kHz. A view: do not write to it."""
        return self._buffer[: self._length]

    def add(self, samples: Samples, *, speech_ms: int = 0) -> None:
        """Append caller audio of which `speech_ms` is speech; a snapshot taken before keeps its own view."""
        needed = self._length + len(samples)
        if needed > len(self._buffer):
            grown = np.empty(max(needed, 2 * len(self._buffer)), np.float32)
            grown[: self._length] = self.audio
            self._buffer = grown
        self._buffer[self._length : needed] = samples
        self._length = needed
        if speech_ms:
            self._spoken_ms += speech_ms
            self._speech_end = needed
            if self._partial_due:
                self._changed.set()

    def pause(self) -> None:
        """Note that the caller fell silent, for a breath or for good."""
        self._paused_at = self._length
        self._move()

    def resume(self) -> None:
        """Note that the caller speaks on."""
        self._paused_at = None
        self._move()

    def close(self, ended_ms: int) -> None:
        """End it: nothing more is added. `ended_ms`: media time of the end of its speech."""
        self.ended_ms, self.closed = ended_ms, True
        if self._paused_at is None or self._until_closed:
            self._move()
        self._changed.set()

    async def snapshots(self, due: Callable[[int, int], bool]) -> AsyncGenerator[Snapshot, None]:
        """Yield the utterance at every pause and whenever a partial is `due`; the last one is complete.

        `due` is asked at each window of speech, with milliseconds: of speech so far, and from the beginning to the end
        of the newest speech.
        A slow reader misses snapshots instead of falling behind: what it gets is always the newest.
        Silence after a pause is not worth a snapshot.
        """
        self._due = due
        settled: int | None = None  # the pause whose snapshot was taken
        while True:
            if self._paused_at is not None and self._paused_at != settled:
                settled = self._paused_at
                yield Snapshot(self._buffer[:settled], self._spoken_ms, complete=True)
            elif self.closed:
                if self._paused_at is None:
                    yield Snapshot(self.audio, self._spoken_ms, complete=True)
                return
            elif self._partial_due:
                yield Snapshot(self.audio, self._spoken_ms, complete=False)
            else:
                self._changed.clear()
                await self._changed.wait()

    async def while_wanted(self, decode: Awaitable[T], *, until_closed: bool = False) -> T | None:
        """Return what `decode` returns; cancel it and return None once the caller falls silent or speaks on.

        Then another decode is wanted: the final instead of a partial, or more than what looked like all of it.
        `until_closed`: it is of no use either once the utterance is over.
        """
        scope = asyncio.timeout(None)
        try:
            async with scope as self._decoding:
                self._until_closed = until_closed
                return await decode
        except TimeoutError:
            if not scope.expired():
                raise
            return None
        finally:
            self._decoding, self._until_closed = None, False

    @property
    def _partial_due(self) -> bool:
        return self._paused_at is None and self._due(self._spoken_ms, self._speech_end * 1000 // SAMPLE_RATE)

    def _move(self) -> None:
        scope, self._decoding = self._decoding, None
        if scope:
            scope.reschedule(asyncio.get_running_loop().time())
        self._changed.set()


class PreRoll:
    """The caller's audio just before speech was certain, so that no utterance loses its first consonant."""

    def __init__(self, keep_ms: int) -> None:
        """`keep_ms`: the longest time from onset to `take`; PREROLL_MS more are kept."""
        self._keep_ms = keep_ms + PREROLL_MS
        self._windows: deque[ScoredWindow] = deque()

    def add(self, window: ScoredWindow) -> None:
        """Keep `window`, and forget what is too old."""
        self._windows.append(window)
        while window.to_ms - self._windows[0].from_ms > self._keep_ms:
            self._windows.popleft()

    def from_ms(self, onset_ms: int) -> int:
        """Return the media time at which what `take` would return begins."""
        return next((window.from_ms for window in self._windows if window.to_ms > onset_ms - PREROLL_MS), onset_ms)

    def take(self, onset_ms: int) -> Samples:
        """Return what was heard since PREROLL_MS before `onset_ms` and not handed out yet."""
        taken = [window.samples for window in self._windows if window.to_ms > onset_ms - PREROLL_MS]
        self._windows.clear()
        return np.concatenate(taken) if taken else np.empty(0, np.float32)
