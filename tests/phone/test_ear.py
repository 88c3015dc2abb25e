"""What the caller of the benchmark hears, to the millisecond."""

import pytest
from known_bot import tone
from phone.ear import GAP_MS, LONGEST_MS, Ear

QUIET = b"\xff" * 800  # 100 ms


def test_audio_is_heard_from_its_arrival_on_and_what_comes_meanwhile_follows_it() -> None:
    ear = Ear()
    ear.play(tone(100), 1003.0)
    ear.play(tone(100), 1010.0)
    assert ear.voice() == [(1003.0, 1203.0)]
    assert (ear.free_ms, ear.last_voice_ms) == (1203.0, 1203.0)


def test_voice_is_found_inside_a_message_and_cut_where_the_caller_has_not_heard_it_yet() -> None:
    ear = Ear()
    ear.play(QUIET + tone(200) + QUIET, 0.0)
    assert ear.voice() == [(100.0, 300.0)]
    assert ear.voice(150.0) == [(100.0, 150.0)]
    assert ear.voice(50.0) == []


def test_marks_come_back_when_all_before_them_was_heard() -> None:
    ear = Ear()
    ear.mark("at once", 0.0)
    ear.play(tone(100), 0.0)
    ear.mark("behind", 10.0)
    assert ear.reached(5.0) == ["at once"]
    assert ear.reached(99.0) == []
    assert ear.reached(100.0) == ["behind"]
    assert ear.reached(500.0) == []


def test_a_clear_silences_at_once_and_gives_the_marks_back() -> None:
    ear = Ear()
    ear.play(tone(1000), 0.0)
    ear.mark("end", 1.0)
    assert ear.clear(400.0) == ["end"]
    assert ear.voice() == [(0.0, 400.0)]
    assert ear.reached(2000.0) == []
    ear.play(tone(100), 400.0)
    assert ear.free_ms == 500.0
    assert len(ear.track(600.0)) == 4800
    assert ear.track(600.0)[:3200] == tone(1000)[:3200]
    assert ear.track(600.0)[4000:] == QUIET


@pytest.mark.parametrize(
    ("gap_ms", "gaps"),
    [(GAP_MS[0] - 1, []), (200.0, [200.0]), (GAP_MS[1], [])],
)
def test_a_gap_is_a_break_in_the_middle_of_a_sound(gap_ms: float, gaps: list[float]) -> None:
    ear = Ear()
    ear.play(tone(100), 0.0)
    ear.play(tone(100), 100.0 + gap_ms)
    assert ear.gaps_ms == gaps


def test_what_the_server_meant_is_no_gap() -> None:
    after_mark, after_clear, faded = Ear(), Ear(), Ear()
    after_mark.play(tone(100), 0.0)
    after_mark.mark("sentence", 50.0)
    after_mark.play(tone(100), 300.0)
    after_clear.play(tone(100), 0.0)
    after_clear.clear(90.0)
    after_clear.play(tone(100), 300.0)
    faded.play(tone(100) + QUIET, 0.0)
    faded.play(tone(100), 400.0)
    assert [ear.gaps_ms for ear in (after_mark, after_clear, faded)] == [[], [], []]


def test_a_server_that_sends_without_end_fills_no_memory() -> None:
    ear = Ear()
    while ear.free_ms <= LONGEST_MS:
        ear.play(b"\xff" * 480_000, 0.0)
    ear.play(tone(100), 0.0)
    assert (ear.dropped, ear.last_voice_ms) == (1, 0.0)
