"""What of the bot's speech lies where, and the caller's audio against the clock."""

from bridge.legs.sip.media_buffers import HOLE_MS, Inlet, Outlet, thrown_away_ms

RATE = 8000
FRAME = bytes(range(1, 161)) * 2  # 20 ms


def test_the_stack_is_kept_sixty_milliseconds_ahead() -> None:
    outlet = Outlet(RATE)
    outlet.play(10 * FRAME)
    assert outlet.next(0) == 3 * FRAME
    assert outlet.next(3 * len(FRAME)) == b""
    assert outlet.next(2 * len(FRAME)) == FRAME
    assert [outlet.next(0), outlet.next(0), outlet.next(0)] == [3 * FRAME, 3 * FRAME, b""], "120 ms were left"


def test_with_nothing_to_say_the_stack_gets_nothing() -> None:
    assert Outlet(RATE).next(0) == b""


def test_the_end_of_a_sentence_is_filled_up_to_a_frame_once_the_stack_needs_it() -> None:
    outlet = Outlet(RATE)
    outlet.play(FRAME + b"\7\7")
    assert outlet.next(0) == FRAME
    assert outlet.next(len(FRAME)) == b""
    assert outlet.next(0) == b"\7\7" + bytes(len(FRAME) - 2)


def test_a_mark_is_due_when_the_stack_has_played_what_was_before_it() -> None:
    outlet = Outlet(RATE)
    outlet.play(2 * FRAME)
    outlet.mark("a")
    outlet.play(FRAME)
    outlet.mark("b")
    outlet.next(0)
    assert outlet.played(3 * len(FRAME)) == []
    assert outlet.played(len(FRAME)) == ["a"]
    assert outlet.played(0) == ["b"]
    assert not outlet


def test_a_mark_behind_nothing_is_due_at_once() -> None:
    outlet = Outlet(RATE)
    outlet.mark("a")
    assert outlet.played(0) == ["a"]


def test_clear_drops_what_waits_and_gives_back_its_marks() -> None:
    outlet = Outlet(RATE)
    outlet.play(10 * FRAME)
    outlet.mark("a")
    outlet.next(0)
    assert outlet.clear() == ["a"]
    assert not outlet
    outlet.play(FRAME)
    outlet.mark("b")
    assert outlet.next(0) == FRAME
    assert outlet.played(len(FRAME)) == []
    assert outlet.played(0) == ["b"]
    assert outlet.late == 0


def test_a_stack_that_ran_dry_in_mid_sentence_is_counted_and_at_its_end_it_is_not() -> None:
    outlet = Outlet(RATE)
    outlet.play(4 * FRAME)
    outlet.next(0)
    outlet.next(0)
    assert outlet.late == 1
    outlet.next(0)
    outlet.play(FRAME)
    outlet.next(0)
    assert outlet.late == 1


def test_audio_on_time_is_passed_on_and_nothing_added() -> None:
    inlet = Inlet(RATE, 1000)
    for tick in range(1, 100):
        assert inlet.take(FRAME, 1000 + 20 * tick) == (FRAME, 0)
    assert inlet.concealed_ms == 0


def test_audio_that_does_not_come_is_stood_for_by_silence_in_time() -> None:
    inlet = Inlet(RATE, 0)
    missing = [inlet.take(b"", 20 * tick)[1] for tick in range(1, 51)]
    assert sum(missing) * 1000 // RATE in range(1000 - HOLE_MS, 1001)
    assert inlet.concealed_ms == sum(missing) * 1000 // RATE


def test_a_packet_that_is_a_little_late_is_no_hole() -> None:
    inlet = Inlet(RATE, 0)
    assert inlet.take(b"", 20) == (b"", 0)
    assert inlet.take(b"", 40) == (b"", 0)
    assert inlet.take(3 * FRAME, 60) == (3 * FRAME, 0)


def test_lost_packets_add_up_to_silence() -> None:
    inlet = Inlet(RATE, 0)
    for tick in range(1, 1001):
        inlet.take(b"" if tick % 10 == 0 else FRAME, 20 * tick)
    assert inlet.concealed_ms in range(2000 - HOLE_MS, 2001)


def test_speech_that_comes_after_its_silence_is_kept_and_covers_the_next_hole() -> None:
    inlet = Inlet(RATE, 0)
    for tick in range(1, 11):
        inlet.take(b"", 20 * tick)
    assert inlet.take(10 * FRAME, 220) == (10 * FRAME, 0)
    assert all(inlet.take(b"", 220 + 20 * tick) == (b"", 0) for tick in range(1, 8))


def test_a_clock_that_runs_ahead_for_ever_does_not_hide_a_hole() -> None:
    inlet = Inlet(RATE, 0)
    for tick in range(1, 101):
        inlet.take(2 * FRAME, 20 * tick)
    missing = [inlet.take(b"", 2000 + 20 * tick)[1] for tick in range(1, 51)]
    assert sum(missing)


def test_what_came_in_packets_and_was_never_given_is_thrown_away() -> None:
    inlet = Inlet(RATE, 0)
    for tick in range(1, 51):
        inlet.take(FRAME, 20 * tick)
    assert inlet.given_ms == 1000
    assert thrown_away_ms(8 * 1000, inlet.given_ms) == 0
    assert thrown_away_ms(8 * 1080, inlet.given_ms) == 0, "some is in buffers when a call ends"
    assert thrown_away_ms(8 * 1700, inlet.given_ms) == 600
    assert thrown_away_ms(0, inlet.given_ms) == 0
