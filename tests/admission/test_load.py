"""What is left out under load, in which order, and when it is taken back."""

import pytest
from fakes import FakeClock

from bridge.admission.load import CALM_S, Load, LoadSteps, Recent, Step, WaitingFinals, Whose
from bridge.speech.api import Standing

NOTHING, DENOISING, PARTIALS, NEWCOMERS = Step
CALL, LIVE, FAST = Standing

# ---------------------------------------------------------------- steps


def steps_at(*pressures: float) -> list[Step]:
    """Return the step after each look, a second apart."""
    steps, taken = LoadSteps(), list[Step]()
    for second, pressure in enumerate(pressures):
        steps.look(pressure, float(second))
        taken.append(steps.step)
    return taken


def test_denoising_goes_first_then_partials_then_newcomers_each_given_a_second_to_help() -> None:
    assert steps_at(2, 2, 2, 2) == [DENOISING, PARTIALS, NEWCOMERS, NEWCOMERS]


@pytest.mark.parametrize(
    ("pressure", "step"), [(0.49, NOTHING), (0.5, DENOISING), (0.74, DENOISING), (0.75, PARTIALS), (1.0, NEWCOMERS)]
)
def test_how_much_is_left_out_depends_on_how_near_the_limit_is(pressure: float, step: Step) -> None:
    assert steps_at(*[pressure] * 5)[-1] is step


def test_a_step_is_taken_back_only_after_some_seconds_of_calm_and_the_last_first() -> None:
    up, calm = [2.0] * 3, [0.0] * (3 * int(CALM_S) + 1)
    steps = steps_at(*up, *calm)[2:]
    taken_back = [second for second in range(1, len(steps)) if steps[second] is not steps[second - 1]]
    assert [steps[second] for second in taken_back] == [PARTIALS, DENOISING, NOTHING]
    assert taken_back == [1 + CALM_S, 1 + 2 * CALM_S, 1 + 3 * CALM_S]


def test_load_that_swings_around_a_limit_does_not_make_the_step_swing() -> None:
    swinging = steps_at(*[1.0] * 3, *[0.99, 1.01, 0.6, 1.2] * 20)
    assert set(swinging[2:]) == {NEWCOMERS}


def test_a_moment_of_load_begins_the_calm_anew() -> None:
    assert steps_at(*[2.0] * 3, *([0.0] * 5 + [0.6]) * 10)[-1] is NEWCOMERS


# ---------------------------------------------------------------- measures


def test_one_stall_is_no_load_and_a_loop_that_is_always_late_is() -> None:
    clock = FakeClock()
    lag = Recent(clock)
    for late_s in [0.001] * 60 + [5.0] + [0.001] * 60:
        lag.add(late_s)
    assert lag.typical() == 0.001
    for _ in range(400):
        lag.add(0.3)
    assert lag.typical() == 0.3


def test_what_is_older_than_ten_seconds_is_forgotten() -> None:
    clock = FakeClock()
    recent = Recent(clock)
    recent.add(3.0)
    clock.advance(9)
    assert recent.typical() == 3.0
    clock.advance(2)
    assert recent.typical() == 0.0


def test_a_final_waits_for_as_long_as_it_took_without_the_engines_own_work() -> None:
    clock = FakeClock()
    waits = WaitingFinals(clock)
    with waits.final(CALL) as answered:
        clock.advance(2.5)
        answered(0.5)
    assert (waits.wait_s(CALL), waits.wait_s(LIVE)) == (2.0, 0.0)


def test_a_final_that_still_waits_counts_by_what_is_more_than_others_take() -> None:
    clock = FakeClock()
    waits = WaitingFinals(clock)
    with waits.final(CALL) as answered:
        clock.advance(0.5)
        answered(0.5)
    with waits.final(CALL), waits.final(CALL), waits.final(CALL):
        clock.advance(4.5)
        assert waits.wait_s(CALL) == 4.0
    assert waits.wait_s(CALL) == 0.0


# ---------------------------------------------------------------- the load of a server


class Server:
    """A load whose finals wait as the test says."""

    def __init__(self, *, final_wait_s: float = 1.0, loop_lag_s: float = 0.2) -> None:
        self.clock = FakeClock()
        self.load = Load(final_wait_s=final_wait_s, loop_lag_s=loop_lag_s, clock_s=self.clock)

    def wait(self, standing: Standing, seconds: float) -> None:
        with self.load.waits.final(standing) as answered:
            self.clock.advance(seconds)
            answered(0)

    def look(self, times: int = 3) -> tuple[Step, Step]:
        """Return the steps of calls and of clients after so many looks."""
        for _ in range(times):
            self.load.look()
        return self.load.step(Whose.CALLS), self.load.step(Whose.CLIENTS)


def test_calls_that_wait_keep_calls_and_clients_out() -> None:
    server = Server()
    server.wait(CALL, 1.1)
    assert server.look() == (NEWCOMERS, NEWCOMERS)
    assert "too much to do" in server.load.overload(Whose.CALLS)


def test_clients_that_wait_keep_clients_out_and_no_call() -> None:
    server = Server()
    server.wait(LIVE, 5.0)
    assert server.look() == (NOTHING, NEWCOMERS)
    assert server.load.overload(Whose.CALLS) == ""
    assert [server.load.spares_partials(standing) for standing in Standing] == [False, True, True]
    assert [server.load.spares_denoising(standing) for standing in Standing] == [False, True, True]


def test_recordings_that_wait_are_no_load() -> None:
    server = Server()
    server.wait(FAST, 25.0)
    assert server.look() == (NOTHING, NOTHING)


def test_a_late_loop_is_everybodys_load() -> None:
    server = Server()
    for _ in range(20):
        server.load.lag.add(0.16)
    assert server.look() == (PARTIALS, PARTIALS)


def test_a_limit_of_zero_is_none() -> None:
    server = Server(final_wait_s=0, loop_lag_s=0)
    server.wait(CALL, 30)
    server.load.lag.add(30)
    assert server.look() == (NOTHING, NOTHING)


def test_what_is_refused_is_let_in_again_once_finals_wait_no_more() -> None:
    server = Server()
    server.wait(CALL, 2.0)
    assert server.look()[0] is NEWCOMERS
    for _ in range(40):
        server.clock.advance(1)
        server.load.look()
    assert server.load.overload(Whose.CALLS) == ""
    assert server.load.step(Whose.CALLS) is NOTHING
