"""What arrives of a call on a bad line."""

from itertools import chain

import pytest

from bridge.commands.phone.line_faults import Fault, LineFaults


def arrived(fault: Fault, *, frames: int) -> list[list[str]]:
    """Return what arrives with each of so many frames, which are named by their number."""
    line = LineFaults(fault, garbage="garbage")
    return [[str(message) for message in line.carry(str(chunk), chunk=chunk)] for chunk in range(1, frames + 1)]


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.ABRUPT, Fault.NO_STOP])
def test_a_line_without_a_fault_in_its_media_carries_each_frame_at_once(fault: Fault) -> None:
    assert arrived(fault, frames=60) == [[str(chunk)] for chunk in range(1, 61)]


def test_jitter_brings_ten_frames_together_and_in_order() -> None:
    got = arrived(Fault.JITTER, frames=25)
    assert [len(messages) for messages in got] == [*[0] * 9, 10, *[0] * 9, 10, *[0] * 5]
    assert list(chain.from_iterable(got)) == [str(chunk) for chunk in range(1, 21)]


def test_gaps_lose_every_twentieth_frame() -> None:
    lost = [chunk for chunk, messages in enumerate(arrived(Fault.GAPS, frames=60), start=1) if not messages]
    assert lost == [20, 40, 60]


def test_a_malformed_message_comes_twice_a_second_and_costs_no_frame() -> None:
    got = list(chain.from_iterable(arrived(Fault.MALFORMED, frames=50)))
    assert [message for message in got if not message.isdigit()] == ["garbage"] * 2
    assert [message for message in got if message.isdigit()] == [str(chunk) for chunk in range(1, 51)]
