"""Lines of calls and of clients, counted apart."""

from contextlib import ExitStack

import pytest

from bridge.admission.lines import Busy, Lines
from bridge.admission.load import Whose


def clients(lines: Lines, count: int, *, address: str = "", token: str = "") -> ExitStack:
    held = ExitStack()
    for number in range(count):
        held.enter_context(lines.take_client(address=address or f"192.0.2.{number}", token=token))
    return held


def test_a_hundred_clients_leave_the_lines_of_calls_free() -> None:
    lines = Lines(2, clients=100)
    with clients(lines, 100):
        with pytest.raises(Busy, match="all 100 lines for clients are busy"):
            clients(lines, 1)
        with lines.take(), lines.take():
            assert (lines.taken, lines.in_use(Whose.CALLS), lines.in_use(Whose.CLIENTS)) == (102, 2, 100)
    assert (lines.taken, lines.empty.is_set()) == (0, True)


def test_calls_leave_the_lines_of_clients_free() -> None:
    lines = Lines(1, clients=1)
    with lines.take(), clients(lines, 1):
        assert not lines.free


def test_one_address_has_no_more_clients_than_it_may_and_others_have_theirs() -> None:
    lines = Lines(1, clients=10, per_address=2)
    with clients(lines, 2, address="192.0.2.1"):
        with pytest.raises(Busy, match=r"there are 2 clients from 192\.0\.2\.1 already") as refused:
            clients(lines, 1, address="192.0.2.1")
        assert refused.value.reason == "address"
        with clients(lines, 2, address="192.0.2.2"):
            assert lines.taken == 4, "a refused client holds no line"
    with clients(lines, 2, address="192.0.2.1"):
        assert lines.taken == 2


def test_one_token_has_no_more_clients_than_it_may_wherever_they_are() -> None:
    lines = Lines(1, clients=10, per_token=2)
    with clients(lines, 2, token="a"):
        with pytest.raises(Busy, match="there are 2 clients with this token already") as refused:
            clients(lines, 1, token="a")
        assert (refused.value.reason, "a already" in str(refused.value)) == ("token", False)
        clients(lines, 2, token="b").close()
        clients(lines, 3).close()


def test_under_load_nobody_new_comes_in_but_who_was_told_to_come() -> None:
    lines = Lines(5, overload=lambda whose: "too much to do" if whose is Whose.CALLS else "")
    with pytest.raises(Busy, match="too much to do") as refused, lines.take():
        pass
    assert (refused.value.reason, lines.free, lines.overload) == ("load", False, "too much to do")
    with lines.take(judged=False), clients(lines, 1):
        assert lines.taken == 2


def test_a_server_that_goes_down_takes_no_clients_either() -> None:
    lines = Lines(5)
    lines.draining = True
    with pytest.raises(Busy, match="shutting down"):
        clients(lines, 1)
