"""Media time, counted from the audio, and against a clock."""

import pytest

from telephony.codec import silence
from telephony.events import AudioFormat, Encoding, Media
from telephony.media_time import ClockedMediaTime, MediaTime

L16 = AudioFormat(Encoding.L16, 8000)
MULAW = AudioFormat(Encoding.MULAW, 8000)


@pytest.mark.parametrize("audio", [L16, MULAW, AudioFormat(Encoding.L16, 44_100)])
def test_each_piece_begins_where_the_one_before_it_ended(audio: AudioFormat) -> None:
    time, samples = MediaTime(audio), 0
    for size in (160, 1, 441, 7):
        payload = bytes(size * audio.encoding.sample_bytes)
        assert time.place(payload) == Media(payload, samples * 1000 // audio.sample_rate)
        samples += size
    assert time.samples == samples


def test_a_format_that_changes_leaves_no_hole() -> None:
    time = MediaTime(L16)
    time.place(bytes(320))
    time.change(AudioFormat(Encoding.L16, 16_000))
    assert time.place(bytes(640)) == Media(bytes(640), 20)
    assert time.place(bytes(640)) == Media(bytes(640), 40)


def test_the_clock_tells_what_is_missing_and_silence_fills_it() -> None:
    time = ClockedMediaTime(MULAW, 1000)
    time.place(bytes(160))
    assert (time.due_ms, time.behind_ms(1010), time.behind_ms(1050)) == (1020, -10, 30)
    assert time.fill(240, concealed=True) == Media(silence(Encoding.MULAW, 240), 20, concealed=True)
    assert time.behind_ms(1050) == 0


def test_what_is_forgotten_is_never_filled_and_audio_that_is_ahead_stays_ahead() -> None:
    time = ClockedMediaTime(L16, 0)
    time.forget_behind(100)
    assert time.behind_ms(100) == 0
    time.place(bytes(320))
    time.forget_behind(110)
    assert time.behind_ms(110) == -10


def test_audio_may_be_ahead_only_so_far() -> None:
    time = ClockedMediaTime(L16, 0)
    time.place(bytes(16_000))
    time.hold_ahead(0, 2000)
    assert time.behind_ms(0) == -1000
    time.hold_ahead(0, 500)
    assert time.behind_ms(0) == -500
