"""The playout buffer of the carrier: what is heard when, and what is a gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS, STUTTER_MS, CarrierBuffer, GapWatch, is_voiced

LOUD = b"\x10" * FRAME_BYTES
OTHER = b"\x90" * FRAME_BYTES
SHORT = LOUD[:60]
NOTHING = b""


def test_audio_is_heard_in_frames_of_20_ms_however_it_came() -> None:
    buffer = CarrierBuffer()
    buffer.play(LOUD + OTHER[:80])
    buffer.play(OTHER[80:])
    assert buffer.buffered_ms == 40
    assert [buffer.tick()[0] for _ in range(3)] == [LOUD, OTHER, b""]
    assert buffer.buffered_ms == 0


def test_a_mark_comes_back_when_the_audio_before_it_was_played() -> None:
    buffer = CarrierBuffer()
    buffer.play(LOUD * 2)
    buffer.mark("two")
    buffer.play(LOUD)
    buffer.mark("three")
    assert [buffer.tick()[1] for _ in range(4)] == [[], ["two"], ["three"], []]


def test_a_mark_without_audio_before_it_comes_back_at_once() -> None:
    buffer = CarrierBuffer()
    buffer.mark("one")
    buffer.mark("two")
    assert buffer.tick() == (b"", ["one", "two"])


def test_a_clear_drops_all_audio_and_gives_all_marks_back() -> None:
    buffer = CarrierBuffer()
    buffer.play(LOUD * 50)
    buffer.mark("one")
    buffer.play(LOUD)
    buffer.mark("two")
    buffer.tick()
    assert buffer.clear() == ["one", "two"]
    assert buffer.buffered_ms == 0
    assert buffer.tick() == (b"", [])


def test_a_buffer_that_runs_dry_gives_a_short_frame() -> None:
    buffer = CarrierBuffer()
    buffer.play(LOUD + LOUD[:60])
    assert [len(buffer.tick()[0]) for _ in range(3)] == [160, 60, 0]


@given(st.lists(st.binary(max_size=500)))
def test_whatever_is_played_is_heard_once_and_in_order(payloads: list[bytes]) -> None:
    buffer = CarrierBuffer()
    for number, payload in enumerate(payloads):
        buffer.play(payload)
        buffer.mark(str(number))
    heard, marks = b"", list[str]()
    while buffer.buffered_ms or len(marks) < len(payloads):
        frame, reached = buffer.tick()
        heard += frame
        marks += reached
    assert heard == b"".join(payloads)
    assert marks == [str(number) for number in range(len(payloads))]


# ---------------------------------------------------------------- stutters


def gaps(*frames: bytes, marks: tuple[int, ...] = ()) -> list[float]:
    """Return the stutters of frames heard one after the other; a mark comes with those whose place is in `marks`."""
    watch = GapWatch()
    heard = [watch.hear(frame, at_mark=place in marks, now_ms=place * FRAME_MS) for place, frame in enumerate(frames)]
    return [gap_ms for gap_ms in heard if gap_ms is not None]


def test_audio_that_goes_on_is_no_stutter() -> None:
    assert gaps(NOTHING, LOUD, LOUD, LOUD) == []


@pytest.mark.parametrize("last", [NOTHING, SHORT])
def test_audio_that_runs_dry_and_goes_on_is_a_stutter(last: bytes) -> None:
    assert gaps(LOUD, last, NOTHING, NOTHING, LOUD) == [60]


def test_each_stutter_is_told_once() -> None:
    assert gaps(LOUD, NOTHING, LOUD, LOUD, NOTHING, NOTHING, LOUD, LOUD) == [20, 40]


def test_audio_that_ends_stutters_no_more() -> None:
    long = [NOTHING] * (STUTTER_MS // FRAME_MS)
    assert gaps(LOUD, *long, LOUD) == []
    assert gaps(LOUD, *long[1:], LOUD) == [STUTTER_MS - FRAME_MS]


@pytest.mark.parametrize("mark", [0, 1])
def test_a_pause_at_a_mark_is_no_stutter(mark: int) -> None:
    assert gaps(LOUD, SHORT, NOTHING, LOUD, marks=(mark,)) == []


def test_a_mark_excuses_only_the_pause_it_stands_at() -> None:
    assert gaps(LOUD, SHORT, LOUD, LOUD, NOTHING, LOUD, marks=(0,)) == [20]


def test_what_a_clear_cut_off_is_no_stutter() -> None:
    watch = GapWatch()
    watch.hear(LOUD, at_mark=False, now_ms=0)
    watch.cleared()
    assert watch.hear(NOTHING, at_mark=False, now_ms=20) is None
    assert watch.hear(LOUD, at_mark=False, now_ms=40) is None


def test_a_frame_is_voiced_when_an_eighth_of_it_is_loud() -> None:
    assert is_voiced(LOUD)
    assert is_voiced(LOUD[:21] + b"\xff" * 139)
    assert not is_voiced(LOUD[:20] + b"\xff" * 140)
    assert not is_voiced(b"\xff" * FRAME_BYTES)
    assert not is_voiced(b"\x7f" * FRAME_BYTES), "minus zero"
    assert not is_voiced(NOTHING)
