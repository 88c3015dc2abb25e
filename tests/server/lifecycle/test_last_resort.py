"""Whatever is stuck, the process ends in the time that was announced."""

import threading

from fakes import FakeClock

from bridge.server.lifecycle.last_resort import LastResort


def last_resort(clock: FakeClock) -> tuple[LastResort, threading.Event]:
    left = threading.Event()
    return LastResort(leave=left.set, clock_s=clock), left


def test_the_process_is_left_when_its_time_is_over() -> None:
    resort, left = last_resort(FakeClock())
    resort.within(0)
    assert left.wait(5)


def test_a_later_order_does_not_put_it_off() -> None:
    clock = FakeClock()
    resort, left = last_resort(clock)
    resort.within(600)
    assert not left.is_set()
    clock.advance(601)
    resort.within(600)
    assert left.wait(5)


def test_an_earlier_order_brings_it_forward() -> None:
    resort, left = last_resort(FakeClock())
    resort.within(600)
    resort.within(0)
    assert left.wait(5)
