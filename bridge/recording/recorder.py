"""Writes the recordings of all calls, in a thread of its own.

    call -what was sent and heard, each second-> bounded queue -> writer thread: StereoTrack -> WaveFile

The call puts bytes and times aside, and waits for nothing. What the queue does not take is silence in the recording, at
its place, and is told.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Full, Queue
from typing import Final, Self

from bot.threads import give_way
from bridge.observer import RecordingSwitch
from bridge.recording.consent import Consent
from bridge.recording.sound_file import SoundFile
from bridge.recording.track import StereoTrack
from bridge.recording.wave_file import FRAME_BYTES, WaveFile
from telephony.events import AudioFormat

log = logging.getLogger(__name__)

_EVERY_MS: Final = 1000
_MOST_WAITING: Final = 2000
"""Batches, a second of one call each: some 30 MB of mu-law."""
_RETRY_S: Final = 0.05
_CLOSE_S: Final = 10.0
_CALL_CLOSE_S: Final = 3.0
"""The caller is hung up on after it: a disk that hangs must not keep them for long."""
_AFTER_SECRET_MS: Final = 1500.0
"""A key may be told before its tone has come to its end."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a recording."""

    path: Path | None
    """None where there is none."""
    bytes: int = 0
    sha256: str = ""
    lost_ms: int = 0
    """Of the caller's audio and the bot's together: silence in it, since the disk was too slow."""
    failure: str = ""
    """Why there is none, or no more of it."""


class Recorder:
    """The thread that writes. It is entered before any call, and left after the last."""

    def __init__(self, *, most_waiting: int = _MOST_WAITING, name: str = "recordings") -> None:
        self._queue: Queue[Callable[[], None] | None] = Queue(most_waiting)
        self._thread = threading.Thread(target=self._write, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(Full):
            self._queue.put(None, timeout=_CLOSE_S)
        self._thread.join(_CLOSE_S)

    @property
    def waiting(self) -> int:
        """How much was put and not begun."""
        return self._queue.qsize()

    def put(self, work: Callable[[], None]) -> bool:
        """Have `work` done behind all that was put before; return False where too much waits. It must not raise."""
        try:
            self._queue.put_nowait(work)
        except Full:
            return False
        return True

    def _write(self) -> None:
        give_way()
        while work := self._queue.get():
            work()


class CallRecording(RecordingSwitch):
    """The recording of one call. Its methods run on the event loop."""

    def __init__(
        self,
        recorder: Recorder,
        path: Path,
        audio: AudioFormat,
        *,
        consent: Consent,
        announcement: str = "",
        url: str = "",
        clock_ms: Callable[[], float] = lambda: time.monotonic() * 1000,
        open_file: Callable[..., SoundFile] = WaveFile.create,
    ) -> None:
        """Nothing is recorded before the `consent` is given, for which the caller hears `announcement`.

        `url`: where the file goes once it is whole. `clock_ms`: milliseconds of a clock that never goes back.
        """
        self.path, self._recorder, self._audio, self._clock_ms = path, recorder, audio, clock_ms
        self._written = _OnDisk(path, audio, open_file, agreed=consent.given)
        self._waiting: list[tuple[int, Callable[[], None]]] = []  # bytes of audio, and what to do
        self._since_ms = clock_ms()
        self._consent = consent
        self.announcement, self.url = announcement, url
        self._lost_bytes = 0

    # ------------------------------------------------------------ what is heard and sent

    def heard(self, payload: bytes, at_ms: int) -> None:
        """The caller's audio, at its media time."""
        self._put(partial(self._written.track.hear, payload, at_ms, self._clock_ms()), size=len(payload))

    def play(self, payload: bytes) -> None:
        """The bot's audio leaves."""
        self._put(partial(self._written.track.play, payload, self._clock_ms()), size=len(payload))

    def mark(self, name: str) -> None:
        """A mark leaves."""
        self._put(partial(self._written.track.mark, name))

    def played(self, name: str) -> None:
        """A mark came back."""
        self._put(partial(self._written.track.played, name, self._clock_ms()))

    def clear(self) -> None:
        """The far side drops what it has not played."""
        self._put(partial(self._written.track.clear, self._clock_ms()))

    # ------------------------------------------------------------ what is not recorded

    @property
    def announcing(self) -> bool:
        return self._consent.announcing

    @property
    def records_others(self) -> bool:
        return self._consent.given and not self._consent.takes_key

    def announced(self) -> None:
        self._consent.announced(self._clock_ms() / 1000)
        if self._consent.given:
            self._put(partial(self._written.agree, self._clock_ms()))

    def unannounced(self) -> None:
        self._consent.unannounced()

    def press(self, key: str) -> bool:
        agrees = self._consent.press(key, self._clock_ms() / 1000)
        if agrees:
            self._put(partial(self._written.agree, self._clock_ms()))
        return agrees

    def pause(self) -> None:
        self._put(partial(self._written.track.mute, "pause", self._clock_ms()))

    def resume(self) -> None:
        self._put(partial(self._written.track.unmute, "pause", self._clock_ms()))

    def hide(self) -> None:
        super().hide()
        self._put(partial(self._written.track.mute, "secret", self._clock_ms()))

    def show(self) -> None:
        super().show()
        unmute = self._written.track.unmute
        self._put(partial(unmute, "secret", self._clock_ms(), caller_ms=_AFTER_SECRET_MS))

    def silence(self, from_ms: int, to_ms: int) -> None:
        """Take out what the caller said between these media times, which was heard before this."""
        self._put(partial(self._written.silence_caller, from_ms, to_ms))

    # ------------------------------------------------------------ to the thread

    async def close(self, *, limit_s: float = _CALL_CLOSE_S) -> Recorded:
        """The call is over; return what became of its recording, once all of it is on disk."""
        done, loop = asyncio.Event(), asyncio.get_running_loop()
        self._put(partial(self._written.finish, lambda: loop.call_soon_threadsafe(done.set)))
        try:
            async with asyncio.timeout(limit_s):
                while not self._offer():  # noqa: ASYNC110 - a thread makes room, and tells nobody
                    await asyncio.sleep(_RETRY_S)
                await done.wait()
        except TimeoutError:
            self._written.failure = self._written.failure or "the disk is too slow"
        lost_ms = self._audio.duration_ms(bytes(self._lost_bytes)) if self._lost_bytes else 0
        if not self._consent.given:
            return Recorded(None, failure=self._consent.missing)
        return self._written.told(lost_ms)

    def _put(self, work: Callable[[], None], *, size: int = 0) -> None:
        self._waiting.append((size, work))
        if size and self._clock_ms() >= self._since_ms + _EVERY_MS:
            self._hand_over()

    def _offer(self) -> bool:
        """Give the thread what waits; return whether it takes it."""
        taken = self._recorder.put(partial(self._written.do, [work for _, work in self._waiting]))
        if taken:
            self._waiting = []
        return taken

    def _hand_over(self) -> None:
        """Give the thread what waits. What it does not take loses its audio, and nothing else: no silence is undone."""
        self._since_ms = self._clock_ms()
        if self._offer():
            return
        if not self._lost_bytes:
            log.error("audio of the recording %s is lost: the disk is too slow", self.path)
        self._lost_bytes += sum(size for size, _ in self._waiting)
        self._waiting = [(0, work) for size, work in self._waiting if not size]


class _OnDisk:
    """What the thread has of one call."""

    def __init__(self, path: Path, audio: AudioFormat, open_file: Callable[..., SoundFile], *, agreed: bool) -> None:
        self.track = StereoTrack(audio)
        self.failure = ""
        self._agreed, self._path, self._rate, self._open = agreed, path, audio.sample_rate, open_file
        self._file: SoundFile | None = None
        self._skipped = 0  # frames before the consent
        self._finished = False
        self._size, self._sha256 = 0, ""
        if not agreed:
            self.track.mute("consent", 0.0)

    def agree(self, now_ms: float) -> None:
        """Record from `now_ms` on."""
        self._agreed = True
        self.track.unmute("consent", now_ms)

    def silence_caller(self, from_ms: int, to_ms: int) -> None:
        """Take out what was written of the caller between these media times."""
        self._write()
        if self._file:
            self._file.silence_caller(from_ms * self._rate // 1000, to_ms * self._rate // 1000)

    def do(self, works: Sequence[Callable[[], None]]) -> None:
        """Do what the call put aside, and write what it comes to."""
        try:
            for work in works:
                work()
            self._write()
        except OSError as error:  # a full disk costs the recording, and nothing else
            self._fail(str(error))
        except Exception as error:  # a fault of ours in one recording ends no other, which has the same thread
            log.exception("the recording %s failed", self._path)
            self._fail(f"{type(error).__name__}: {error}")

    def finish(self, done: Callable[[], object]) -> None:
        """Write the rest and close the file."""
        try:
            self._write()
        except OSError as error:
            self._fail(str(error))
        try:
            if self._file:
                self._size, self._sha256 = self._file.finish()
        except OSError as error:
            self._fail(str(error))
        finally:
            self._finished, self._file = True, None
            done()

    def _write(self) -> None:
        frames = self.track.take()
        if not self._agreed:
            self._skipped += len(frames) // FRAME_BYTES
        if not self._agreed or self.failure or self._finished:
            return
        if self._file is None:
            self._file = self._open(self._path, sample_rate=self._rate)
            self._file.skip(self._skipped)
        self._file.append(frames)

    def _fail(self, why: str) -> None:
        if not self.failure:
            log.error("the recording %s ends: %s", self._path, why)
        self.failure = self.failure or why

    def told(self, lost_ms: int) -> Recorded:
        """Return what became of it."""
        path = self._path if self._size or self._file else None
        return Recorded(path, self._size, self._sha256, lost_ms=lost_ms, failure=self.failure)
