"""Which clients send as fast as one speaks, and which send a recording."""

from fakes import FakeClock

from bridge.admission.arrival import FAST_MS, Arrival


class Peer:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.arrival = Arrival(self.clock)

    def sends(self, seconds: float, *, speed: float) -> bool:
        """Send so much audio, in pieces of 100 ms, at `speed` times the pace of speech; return whether it is fast."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1 / speed)
            self.arrival.came(100)
        return self.arrival.fast


def test_speech_as_it_is_spoken_is_live_for_hours() -> None:
    assert not Peer().sends(7200, speed=1.0)


def test_a_clock_that_is_a_little_off_makes_nobody_fast_for_long() -> None:
    peer = Peer()
    assert not peer.sends(600, speed=1.001)


def test_a_recording_is_fast_once_it_is_two_seconds_ahead() -> None:
    peer = Peer()
    assert not peer.sends(FAST_MS / 1000 - 0.2, speed=1000)
    assert peer.sends(1, speed=1000)


def test_a_burst_after_a_stall_is_still_live() -> None:
    peer = Peer()
    peer.sends(10, speed=1)
    peer.clock.advance(5)
    peer.arrival.came(5000)
    assert not peer.arrival.fast
    assert not peer.sends(10, speed=1)


def test_who_waits_before_the_first_word_saves_nothing_up() -> None:
    peer = Peer()
    peer.clock.advance(600)
    assert peer.sends(3, speed=1000)


def test_a_long_recording_is_not_fast_for_ever() -> None:
    peer = Peer()
    assert peer.sends(3600, speed=100)
    assert peer.sends(5, speed=1)
    peer.clock.advance(10)
    assert not peer.sends(5, speed=1)
