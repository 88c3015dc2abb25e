"""What the recording of a call becomes on disk."""

import errno
import hashlib
import queue
import threading
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bridge.recording.consent import Consent
from bridge.recording.recorder import CallRecording, Recorder
from bridge.recording.wave_file import WaveFile
from telephony.codec import encode
from telephony.events import AudioFormat, Encoding

MULAW = AudioFormat(Encoding.MULAW, 8000)
LOUD = encode(np.full(160, 0.5, np.float32), Encoding.MULAW)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with Recorder() as recorder:
        yield recorder


class Call:
    def __init__(
        self, recorder: Recorder, path: Path, rule: str = "", open_file: Callable[..., WaveFile] = WaveFile.create
    ):
        self.now_ms, self.media_ms = 0.0, 0
        self.recording = CallRecording(
            recorder,
            path,
            MULAW,
            consent=Consent(rule),
            announcement="We record.",
            clock_ms=lambda: self.now_ms,
            open_file=open_file,
        )

    def hear(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.now_ms += 20
            self.recording.heard(LOUD, self.media_ms)
            self.media_ms += 20


def sides(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T


async def test_a_call_is_a_file_that_only_its_user_may_read(recorder: Recorder, tmp_path: Path) -> None:
    call = Call(recorder, path := tmp_path / "2026-01-31" / "a.wav")
    call.recording.play(LOUD * 50)
    call.hear(2500)
    done = await call.recording.close()
    assert (done.path, done.failure, done.lost_ms) == (path, "", 0)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert done.bytes == path.stat().st_size
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    left, right = sides(path)
    assert len(left) == 2500 * 8
    assert np.abs(left).min() > 10_000
    assert np.abs(right[:7800]).min() > 10_000
    assert not right[8200:].any()


async def test_it_can_be_played_while_it_grows_however_its_writer_ends(recorder: Recorder, tmp_path: Path) -> None:
    call = Call(recorder, path := tmp_path / "a.wav")
    call.hear(3000)
    written = threading.Event()
    recorder.put(written.set)
    assert written.wait(10)
    assert sides(path).shape[1] >= 2000 * 8
    await call.recording.close()


async def test_nothing_is_recorded_before_the_announcement_was_heard(recorder: Recorder, tmp_path: Path) -> None:
    call = Call(recorder, path := tmp_path / "a.wav", "announce")
    assert call.recording.announcing
    call.hear(2400)
    assert not path.exists()
    call.recording.announced()
    call.hear(1000)
    await call.recording.close()
    left, _ = sides(path)
    assert len(left) == 3400 * 8
    assert not left[: 2400 * 8 - 200].any()
    assert np.abs(left[2400 * 8 + 200 :]).min() > 10_000


@pytest.mark.parametrize("heard", [True, False])
async def test_without_consent_there_is_no_file(recorder: Recorder, tmp_path: Path, heard: bool) -> None:
    call = Call(recorder, tmp_path / "a.wav", "key:1")
    call.hear(500)
    if heard:
        call.recording.announced()
    else:
        call.recording.unannounced()
    assert not call.recording.press("2")
    call.recording.resume()
    call.hear(2000)
    done = await call.recording.close()
    assert done.path is None
    assert done.failure == ("the caller did not press 1" if heard else "the announcement was not heard")
    assert not call.recording.path.exists()


async def test_the_key_counts_during_the_announcement_and_soon_after_and_then_is_the_bots(
    recorder: Recorder, tmp_path: Path
) -> None:
    early, late = (Call(recorder, tmp_path / f"{name}.wav", "key:1") for name in "ab")
    assert early.recording.press("1")
    assert not early.recording.press("1")
    late.recording.announced()
    late.hear(16_000)
    assert not late.recording.press("1")
    for call in (early, late):
        await call.recording.close()


async def test_a_full_disk_costs_the_recording_and_no_other(recorder: Recorder, tmp_path: Path) -> None:
    class Full(WaveFile):
        def append(self, frames: bytes) -> None:
            if self._size > 40_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            super().append(frames)

    full = Call(recorder, tmp_path / "a.wav", open_file=Full.create)
    other = Call(recorder, tmp_path / "b.wav")
    for _ in range(5):
        full.hear(1000)
        other.hear(1000)
    failed, whole = await full.recording.close(), await other.recording.close()
    assert "No space left" in failed.failure
    assert sides(tmp_path / "a.wav").shape[1] == 16_000
    assert failed.bytes == (tmp_path / "a.wav").stat().st_size
    assert whole.failure == ""
    assert sides(tmp_path / "b.wav").shape[1] == 40_000


async def test_a_disk_that_is_too_slow_loses_audio_and_no_silence_that_was_asked_for(tmp_path: Path) -> None:
    gate = threading.Event()
    with Recorder(most_waiting=1) as recorder:
        busy = threading.Event()

        def stall() -> None:
            busy.set()
            gate.wait(10)

        recorder.put(stall)
        assert busy.wait(10)
        call = Call(recorder, path := tmp_path / "a.wav")
        call.hear(1000)
        call.hear(500)
        call.recording.hide()
        call.hear(2000)
        gate.set()
        idle = threading.Event()
        while not recorder.put(idle.set):
            pass
        assert idle.wait(10)
        call.hear(1000)
        done = await call.recording.close()
    left, _ = sides(path)
    assert done.lost_ms > 0
    assert len(left) == 4500 * 8
    assert not left[1500 * 8 :].any()


def test_a_queue_that_is_full_says_so() -> None:
    recorder = Recorder(most_waiting=1)
    assert recorder.put(lambda: None)
    assert not recorder.put(lambda: None)
    assert isinstance(recorder._queue, queue.Queue)


async def test_what_the_caller_said_is_taken_out_afterwards_and_the_bot_stays(
    recorder: Recorder, tmp_path: Path
) -> None:
    call = Call(recorder, path := tmp_path / "a.wav")
    for _ in range(3000 // 20):
        call.recording.play(LOUD)
        call.hear(20)
    call.recording.silence(500, 1500)
    call.recording.silence(2900, 99_000)
    await call.recording.close()
    left, right = sides(path)
    assert not left[500 * 8 : 1500 * 8].any()
    assert not left[2900 * 8 :].any()
    assert left[: 500 * 8].all()
    assert left[1500 * 8 : 2900 * 8].all()
    assert right[500 * 8 : 1500 * 8].all()
