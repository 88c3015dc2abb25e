import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.pool.breaker import FIRST_DELAY_S, LONGEST_DELAY_S, LONGEST_REST_S, TOLERATED, Breaker, BreakerState


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock)


def test_the_first_loss_opens_it(breaker: Breaker) -> None:
    breaker.lost()
    assert breaker.state is BreakerState.OPEN


def test_so_many_failures_in_a_row_open_it_and_an_answer_forgives_them(breaker: Breaker) -> None:
    for _ in range(TOLERATED):
        breaker.failed()
    breaker.succeeded()
    for _ in range(TOLERATED):
        breaker.failed()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"


def test_an_engine_that_says_it_is_back_is_tried_and_trusted_after_a_decode(breaker: Breaker) -> None:
    breaker.lost()
    breaker.answered()
    assert breaker.state == "trial"
    breaker.succeeded()
    assert breaker.state == "closed"


def test_on_trial_a_single_failure_opens_it_again_and_for_longer(breaker: Breaker) -> None:
    breaker.lost()
    breaker.answered()
    breaker.failed()
    assert (breaker.state, breaker.delay_s) == (BreakerState.OPEN, 2 * FIRST_DELAY_S)
    breaker.answered()
    breaker.lost()
    assert (breaker.state, breaker.delay_s) == (BreakerState.OPEN, 4 * FIRST_DELAY_S)


def test_the_delay_doubles_up_to_its_limit_and_begins_anew_after_an_answer(breaker: Breaker) -> None:
    breaker.lost()
    delays = []
    for _ in range(6):
        delays.append(breaker.delay_s)
        breaker.missed()
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, LONGEST_DELAY_S]
    breaker.answered()
    assert breaker.delay_s == LONGEST_DELAY_S, "its word alone is no proof"
    breaker.succeeded()
    assert breaker.delay_s == FIRST_DELAY_S


def test_many_decodes_lost_at_once_are_one_loss(breaker: Breaker) -> None:
    for _ in range(50):
        breaker.lost()
    assert breaker.delay_s == FIRST_DELAY_S


def test_an_answer_from_before_the_loss_says_nothing_of_now(breaker: Breaker) -> None:
    breaker.lost()
    breaker.succeeded()
    assert breaker.state is BreakerState.OPEN


def test_an_engine_that_was_never_lost_needs_no_trial(breaker: Breaker) -> None:
    breaker.answered()
    assert breaker.state is BreakerState.CLOSED


def test_an_engine_rests_as_long_as_it_asked_for(breaker: Breaker, clock: FakeClock) -> None:
    assert breaker.resting_s == 0
    breaker.rest(2.0)
    clock.advance(1.5)
    assert breaker.resting_s == 0.5
    breaker.rest(0.1)
    assert breaker.resting_s == 0.5, "a shorter wish does not end a longer one"
    clock.advance(0.5)
    assert breaker.resting_s == 0
    assert breaker.state is BreakerState.CLOSED, "too much to do is no fault"


def test_a_rest_has_bounds(breaker: Breaker, clock: FakeClock) -> None:
    breaker.rest(86_400)
    assert breaker.resting_s == LONGEST_REST_S
    clock.advance(LONGEST_REST_S)
    breaker.rest(None)
    assert breaker.resting_s == FIRST_DELAY_S


@given(st.lists(st.sampled_from(["succeeded", "failed", "lost", "answered", "missed"])))
def test_whatever_happens_the_delay_stays_within_its_bounds_and_an_answer_leads_back(events: list[str]) -> None:
    breaker = Breaker(FakeClock())
    for event in events:
        getattr(breaker, event)()
        assert FIRST_DELAY_S <= breaker.delay_s <= LONGEST_DELAY_S
    breaker.answered()
    breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED
