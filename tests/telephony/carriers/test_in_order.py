"""Packets that overtook each other."""

from hypothesis import given
from hypothesis import strategies as st

from telephony.carriers.in_order import InOrder


def run(window: int, numbers: list[int | None]) -> list[int | None]:
    order = InOrder[str](window)
    return [*(number for one in numbers for number, _ in order.take(one, "x")), *(n for n, _ in order.rest())]


def test_without_a_window_all_comes_as_it_comes() -> None:
    assert run(0, [3, 1, 2, None]) == [3, 1, 2, None]


def test_neighbours_are_put_in_order() -> None:
    assert run(3, [1, 3, 2, 5, 6, 4, 7]) == [1, 2, 3, 4, 5, 6, 7]


def test_what_comes_too_late_or_has_no_number_comes_as_it_comes() -> None:
    assert run(2, [1, 4, 5, 6, 2, None, 7]) == [1, 4, 5, 6, 2, None, 7]


@given(st.lists(st.integers(0, 30) | st.none()), st.integers(0, 4))
def test_nothing_is_lost(numbers: list[int | None], window: int) -> None:
    unique = list(dict.fromkeys(numbers))
    assert sorted(map(str, run(window, list(unique)))) == sorted(map(str, unique))
