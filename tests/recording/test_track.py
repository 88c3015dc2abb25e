"""Both sides of a call on its media clock."""

import random
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from bridge.recording.track import StereoTrack
from telephony.codec import encode, silence
from telephony.events import AudioFormat, Encoding

MULAW = AudioFormat(Encoding.MULAW, 8000)
QUIET = silence(Encoding.MULAW, 160)
Sides = npt.NDArray[np.int16]


@cache
def tone(ms: int, level: float = 0.5) -> bytes:
    return encode(np.full(ms * 8, level, np.float32), Encoding.MULAW)


def sides(pcm: bytes) -> Sides:
    return np.frombuffer(pcm, "<i2").reshape(-1, 2).T


def spans(side: npt.NDArray[np.int16]) -> list[tuple[int, int]]:
    """Where it sounds, in milliseconds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (np.abs(side) > 500).astype(int), [0]))))
    return [(begin // 8, end // 8) for begin, end in edges.reshape(-1, 2).tolist()]


class Line:
    """A call whose packets take `delay_ms`; our clock began at 7000."""

    def __init__(self, audio: AudioFormat = MULAW) -> None:
        self.track = StereoTrack(audio)
        self.media_ms = 0
        self.pcm = b""

    @property
    def now_ms(self) -> float:
        return 7000.0 + self.media_ms

    def hear(self, ms: int, payload: bytes = QUIET, *, late_ms: float = 0) -> None:
        for _ in range(ms // 20):
            at_ms = self.media_ms
            self.media_ms += 20
            self.track.hear(payload, at_ms, self.now_ms + late_ms)
            if self.media_ms % 1000 == 0:
                self.pcm += self.track.take()

    def result(self) -> Sides:
        return sides(self.pcm + self.track.take())


def test_the_caller_is_left_and_the_bot_is_right_where_it_was_heard() -> None:
    line = Line()
    line.hear(1000)
    line.hear(400, tone(20))
    line.track.play(tone(400), line.now_ms)
    line.hear(1600)
    left, right = line.result()
    assert spans(left) == [(1000, 1400)]
    assert spans(right) == [(1400, 1800)]
    assert len(left) == 3000 * 8


def test_what_is_sent_ahead_is_heard_later_and_what_is_cleared_is_not_in_it() -> None:
    line = Line()
    line.hear(1000)
    for _ in range(5):
        line.track.play(tone(400), line.now_ms)
    line.hear(500)
    line.track.clear(line.now_ms)
    line.hear(500)
    line.track.play(tone(200), line.now_ms)
    line.hear(1000)
    assert spans(line.result()[1]) == [(1000, 1500), (2000, 2200)]


def test_a_mark_moves_what_is_behind_it() -> None:
    line = Line()
    line.hear(1000)
    line.track.play(tone(400), line.now_ms)
    line.track.mark("a")
    line.track.play(encode(np.full(1600, -0.5, np.float32), Encoding.MULAW), line.now_ms)
    line.hear(500)
    line.track.played("a", line.now_ms)  # 100 ms later than by our clock
    line.hear(1500)
    right = line.result()[1]
    assert spans(right)[0] == (1000, 1400)
    assert np.flatnonzero(right < -500)[0] // 8 == 1500


def test_lost_audio_is_silence_at_its_place() -> None:
    line = Line()
    line.hear(200, tone(20))
    line.media_ms += 300
    line.hear(200, tone(20))
    assert spans(line.result()[0]) == [(0, 200), (500, 700)]


def test_what_is_muted_is_silence_on_both_sides_and_the_caller_stays_so_a_little_longer() -> None:
    line = Line()
    line.hear(1000, tone(20))
    line.track.play(tone(2000), line.now_ms - 500)
    line.track.mute("secret", line.now_ms)
    line.track.mute("pause", line.now_ms)
    line.hear(200, tone(20))
    line.track.unmute("pause", line.now_ms)
    line.track.unmute("secret", line.now_ms, caller_ms=100)
    line.hear(400, tone(20))
    left, right = line.result()
    assert spans(left) == [(0, 1000), (1300, 1600)]
    assert (1000, 1200) not in spans(right)
    assert not np.abs(right[8000:9600]).any()
    assert spans(right)[-1] == (1200, 1600)


def test_a_secret_that_is_asked_for_again_before_the_last_tone_is_over_stays_hidden() -> None:
    line = Line()
    line.hear(100, tone(20))
    line.track.mute("secret", line.now_ms)
    line.track.unmute("secret", line.now_ms, caller_ms=1500)
    line.hear(200, tone(20))
    line.track.mute("secret", line.now_ms)
    line.hear(3000, tone(20))
    assert spans(line.result()[0]) == [(0, 100)]


@pytest.mark.parametrize("drift_ppm", [0, 150, -150])
def test_thirty_minutes_of_jitter_gaps_and_barge_ins_do_not_drift(drift_ppm: int) -> None:
    """Every 10 s the bot says something that the caller's telephone echoes at once: both sides must be at one place."""
    chance = random.Random(5)
    track = StereoTrack(MULAW)
    pcm: list[bytes] = []
    echo_until = cut_at = -1.0
    for number in range(30 * 60 * 50):
        media_ms = number * 20
        now_ms = 5000 + (media_ms + 20) * (1 + drift_ppm / 1e6)
        loud = media_ms < echo_until
        if chance.random() > 0.02:  # else lost
            jitter_ms = chance.random() * 40 if chance.random() < 0.9 else 300 * chance.random()
            track.hear(tone(20) if loud else QUIET, media_ms, now_ms + jitter_ms)
        if number % 500 == 0:
            for _ in range(10):
                track.play(tone(400), now_ms)
            echo_until = media_ms + 20 + 2000
            cut_at = echo_until - 20
        if media_ms == cut_at:
            track.clear(now_ms)
        if number % 50 == 0:
            pcm.append(track.take())
    left, right = sides(b"".join(pcm))
    assert len(left) == pytest.approx(30 * 60 * 8000, abs=8000)
    for begin in range(0, 30 * 60 - 10, 10):
        place = slice(begin * 8000, (begin + 10) * 8000)
        (from_left, to_left), (from_right, to_right) = (
            (spans(side[place])[0][0], spans(side[place])[-1][1]) for side in (left, right)
        )
        assert abs(from_left - from_right) <= 60, f"at {begin} s"
        assert abs(to_left - to_right) <= 60, f"at {begin} s"


def test_a_bot_that_never_stops_speaking_stays_with_a_caller_whose_clock_is_another() -> None:
    track, pcm = StereoTrack(MULAW), list[bytes]()
    for number in range(10 * 60 * 50):
        now_ms = 5000 + number * 20 * (1 + 300 / 1e6)
        loud = number % 500 == 0
        track.hear(tone(20) if loud else QUIET, number * 20, now_ms)
        track.play(tone(20) if loud else QUIET, now_ms)
        if number % 50 == 0:
            pcm.append(track.take())
    left, right = sides(b"".join(pcm))
    assert max(abs(a[0] - b[0]) for a, b in zip(spans(left), spans(right), strict=False)) <= 100
