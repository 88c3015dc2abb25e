"""Numbered packets into their order: overtaken, lost, twice, late, and a sender that begins anew."""

import random

from hypothesis import given
from hypothesis import strategies as st

from telephony.reorder import JUMP, MOST_WAITING, Reorder

DEADLINE_MS = 40


def taken(packets: Reorder[int], now_ms: float = 0.0) -> list[int]:
    return [item for item, _ in packets.take(now_ms)]


def put(packets: Reorder[int], *numbers: int, stream: int = 7, now_ms: float = 0.0) -> list[int]:
    """Put packets, each of which is its own number; return what is of no use."""
    over: list[int] = []
    for number in numbers:
        over += packets.put(stream, number & 0xFFFF, number, now_ms)
    return over


def test_what_comes_in_order_waits_for_nothing() -> None:
    packets = Reorder[int](DEADLINE_MS)
    for number in range(65_530, 65_550):
        assert put(packets, number) == []
        assert taken(packets) == [number]


def test_a_packet_that_was_overtaken_takes_its_place() -> None:
    packets = Reorder[int](DEADLINE_MS)
    put(packets, 1, 3, 4)
    assert taken(packets, 20) == [1]
    put(packets, 2)
    assert taken(packets, 39) == [2, 3, 4]


def test_a_missing_one_is_waited_for_until_the_deadline_and_told() -> None:
    packets = Reorder[int](DEADLINE_MS)
    put(packets, 1, 4)
    assert taken(packets, 39) == [1]
    assert list(packets.take(40)) == [(4, 2)]
    assert put(packets, 2, now_ms=41) == [2]
    assert packets.late == 1


def test_what_comes_twice_is_of_no_use_and_is_not_late() -> None:
    packets = Reorder[int](DEADLINE_MS)
    put(packets, 1, 3)
    assert put(packets, 3) == [3]
    assert taken(packets, 50) == [1, 3]
    assert packets.late == 0


def test_another_sender_begins_anew_and_what_waited_is_given_back() -> None:
    packets = Reorder[int](DEADLINE_MS)
    put(packets, 1, 3, 4)
    assert taken(packets) == [1]
    assert put(packets, 900, stream=8) == [3, 4]
    assert taken(packets) == [900]
    assert put(packets, 901 + 2 * JUMP, stream=8) == []
    assert taken(packets) == [901 + 2 * JUMP], "a number far away is a new beginning too"


def test_no_more_wait_than_a_second_of_them() -> None:
    packets = Reorder[int](1e9)
    put(packets, 1, *range(3, 4 + MOST_WAITING))
    assert taken(packets) == [1, *range(3, 4 + MOST_WAITING)]


@given(seed=st.integers(0, 1000), first=st.integers(0, 0xFFFF))
def test_packets_that_are_a_little_out_of_order_come_whole_and_in_order(seed: int, first: int) -> None:
    chance = random.Random(seed)
    sent = [(number * 20 + chance.uniform(0, 39), first + number) for number in range(60)]
    packets, heard = Reorder[int](DEADLINE_MS), list[int]()
    packets.put(7, first, first, 0)
    for at_ms, number in sorted(sent):
        put(packets, number, now_ms=at_ms)
        heard += taken(packets, at_ms)
    assert heard == [first + number for number in range(60)]
