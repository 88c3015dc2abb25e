"""Who is decoded next."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import Request, Standing
from bridge.speech.pool.queueing import PASSED_OVER, FairQueue, Ticket

SECOND = np.zeros(16_000, np.float32)
CALL, LIVE, FAST = Standing


def request(standing: Standing = CALL, session: str = "", *, final: bool = True, first: bool = False) -> Request:
    return Request(SECOND, final=final, first=first, session=session, standing=standing)


def serve(queue: FairQueue) -> Ticket:
    """Let the next one be decoded."""
    ticket = queue.in_order()[0]
    queue.granted(ticket)
    return ticket


def test_calls_go_before_live_clients_before_fast_ones_and_in_each_finals_before_first_words_before_refreshes() -> None:
    queue = FairQueue()
    wanted = [
        request(standing, final=final, first=first)
        for standing in (CALL, LIVE, FAST)
        for final, first in ((True, False), (False, True), (False, False))
    ]
    for each in reversed(wanted):
        queue.add(each, {})
    assert [ticket.request for ticket in queue.in_order()] == wanted


def test_among_equals_who_came_first_goes_first() -> None:
    queue = FairQueue()
    tickets = [queue.add(request(session=name), {}) for name in "abc"]
    assert queue.in_order() == tickets


def test_finals_of_calls_go_in_the_order_they_came_however_long_those_before_were() -> None:
    queue = FairQueue()
    for name, took_s in (("talker", 3.0), ("brief", 0.1)):
        queue.add(request(session=name), {})
        serve(queue)
        queue.spent(name, took_s)
    tickets = [queue.add(request(session=name), {}) for name in ("talker", "brief")]
    assert queue.in_order() == tickets


def test_who_has_used_less_goes_before_who_came_first() -> None:
    queue = FairQueue()
    for name, took_s in (("talker", 3.0), ("brief", 0.1)):
        queue.add(request(LIVE, session=name), {})
        serve(queue)
        queue.spent(name, took_s)
    queue.add(request(LIVE, session="talker"), {})
    queue.add(request(LIVE, session="brief"), {})
    assert [ticket.session for ticket in queue.in_order()] == ["brief", "talker"]


def test_who_comes_later_does_not_make_up_for_the_time_before() -> None:
    queue = FairQueue()
    for _ in range(10):
        queue.add(request(LIVE, session="old"), {})
        serve(queue)
        queue.spent("old", 1.0)
    queue.add(request(LIVE, session="old"), {})
    served = Counter[str]()
    for _ in range(20):
        queue.add(request(LIVE, session="new"), {})
        ticket = serve(queue)
        served[ticket.session] += 1
        queue.spent(ticket.session, 1.0)
        if ticket.session == "old":
            queue.add(request(LIVE, session="old"), {})
    assert served["old"] >= 9


@pytest.mark.heavy
@given(took_s=st.lists(st.floats(0.01, 2.0), min_size=2, max_size=6))
def test_sessions_that_always_want_more_get_equal_shares_of_time(took_s: list[float]) -> None:
    queue, used = FairQueue(), Counter[int]()
    for number in range(len(took_s)):
        queue.add(request(LIVE, session=str(number)), {})
    while sum(used.values()) < 200 * max(took_s):
        number = int(serve(queue).session)
        used[number] += took_s[number]  # type: ignore[assignment]  # seconds are counted
        queue.spent(str(number), took_s[number])
        queue.add(request(LIVE, session=str(number)), {})
    assert max(used.values()) - min(used[n] for n in range(len(took_s))) <= 2 * max(took_s) + 1e-6


def test_nobody_starves_behind_calls_the_final_that_waited_longest_gets_one_decode_in_eight() -> None:
    queue = FairQueue()
    queue.add(request(FAST, "partial", final=False), {})
    queue.add(request(FAST, "first"), {})
    queue.add(request(LIVE, "second"), {})
    order: list[str] = []
    for number in range(2 * (PASSED_OVER + 1)):
        queue.add(request(CALL, f"call {number}"), {})
        queue.add(request(CALL, f"call {number}, too"), {})
        order.append(serve(queue).session)
    assert [place for place, name in enumerate(order) if not name.startswith("call")] == [7, 15]
    assert (order[7], order[15]) == ("first", "second")


def test_calls_alone_are_not_held_up_by_the_share_of_clients() -> None:
    queue = FairQueue()
    for number in range(30):
        queue.add(request(CALL, str(number)), {})
    assert [serve(queue).session for _ in range(30)] == [str(number) for number in range(30)]


def test_sessions_that_are_gone_are_forgotten() -> None:
    queue = FairQueue()
    for number in range(5000):
        queue.add(request(session=str(number)), {})
        serve(queue)
    assert len(queue._used_s) <= 1024  # nothing else shows what is kept


def test_what_is_taken_out_does_not_wait_any_more() -> None:
    queue = FairQueue()
    ticket = queue.add(request(), {})
    queue.remove(ticket)
    queue.remove(ticket)
    assert (len(queue), queue.in_order()) == (0, [])
