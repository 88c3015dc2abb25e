"""Frames on absolute deadlines, on a clock of numbers."""

from bridge.legs.pacer import Pacer
from telephony.events import AudioFormat, Encoding

L16_8K = AudioFormat(Encoding.L16, 8000)


def test_frames_leave_on_absolute_deadlines_and_silence_where_there_is_nothing_to_say() -> None:
    pacer = Pacer(L16_8K, 1000)
    pacer.play(b"\1\1" * 200)
    frames, _ = pacer.due(1000)
    assert frames == [b"\1\1" * 160, b"\1\1" * 40 + bytes(240), bytes(320)]
    assert pacer.due(1019) == ([], [])
    assert [len(pacer.due(now)[0]) for now in (1021, 1040, 1085)] == [1, 1, 2]


def test_a_mark_is_told_when_its_audio_has_been_played_not_when_it_left() -> None:
    pacer = Pacer(L16_8K, 0)
    pacer.play(bytes(320))
    pacer.mark("m")
    assert [now for now in range(0, 100, 10) if pacer.due(now)[1]] == [20]


def test_a_clear_leaves_silence_and_tells_the_marks_that_waited() -> None:
    pacer = Pacer(L16_8K, 0)
    pacer.play(b"\1\1" * 8000)
    pacer.mark("m")
    pacer.due(0)
    assert pacer.clear() == ["m"]
    assert pacer.due(20) == ([bytes(320)], [])


def test_after_a_long_stall_no_burst_is_sent() -> None:
    pacer = Pacer(L16_8K, 0)
    pacer.due(0)
    frames, _ = pacer.due(1000)
    assert len(frames) == 3
