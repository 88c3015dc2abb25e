"""The denoiser of a call: in step with the raw signal, off the loop, and never in the way of the call."""

import logging
import threading
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.speech.api import SAMPLE_RATE, EngineFailed
from bridge.speech.denoising import Denoising, RealTimeBudget
from bridge.speech.workers import Workers

Signal = npt.NDArray[np.float32]

FRAME = 320  # 20 ms


class Clock:
    def __init__(self) -> None:
        self.now_ms = 0.0

    def __call__(self) -> float:
        return self.now_ms


class Halver:
    """A denoiser that halves what it hears, `delay` samples late, and takes `cost_ms` for it."""

    name = "DeepFilterNet"

    def __init__(self, clock: Clock, *, delay: int = 500) -> None:
        self.delay = delay
        self.cost_ms = 1.0
        self.closed = 0
        self.threads: set[str] = set()
        self._clock = clock
        self._held = np.zeros(delay, np.float32)

    def __call__(self, samples: Signal, /) -> Signal:
        self.threads.add(threading.current_thread().name)
        self._clock.now_ms += self.cost_ms
        held: Signal = np.concatenate((self._held, samples * np.float32(0.5)))
        self._held = held[len(samples) :]
        return held[: len(samples)]

    def close(self) -> None:
        self.closed += 1


class Broken(Halver):
    """Answers once, then does as told."""

    def __init__(self, clock: Clock, answer: Callable[[Signal], Signal]) -> None:
        super().__init__(clock)
        self._answer = answer
        self.calls = 0

    def __call__(self, samples: Signal, /) -> Signal:
        self.calls += 1
        return super().__call__(samples) if self.calls == 1 else self._answer(samples)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(1, name="denoiser")
    yield workers
    workers.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def frame(number: int) -> Signal:
    """Samples that tell where they come from: 1 for the first of the call."""
    return np.arange(number * FRAME + 1, (number + 1) * FRAME + 1, dtype=np.float32)


async def frames(denoising: Denoising, first: int, last: int) -> tuple[Signal, Signal]:
    pairs = [await denoising(frame(number)) for number in range(first, last)]
    return np.concatenate([clean for clean, _ in pairs]), np.concatenate([raw for _, raw in pairs])


# ---------------------------------------------------------------- the signal


async def test_denoised_and_raw_are_in_step(workers: Workers, clock: Clock) -> None:
    clean, raw = await frames(Denoising(Halver(clock), workers, clock_ms=clock), 0, 10)
    np.testing.assert_array_equal(clean, raw / 2)
    np.testing.assert_array_equal(raw[500:], np.arange(1, 10 * FRAME + 1 - 500))
    assert not raw[:500].any()


async def test_each_answer_is_as_long_as_what_came_in(workers: Workers, clock: Clock) -> None:
    denoising = Denoising(Halver(clock), workers, clock_ms=clock)
    for length in (0, 1, 499, 500, 501, 16_000):
        assert [len(part) for part in await denoising(np.ones(length, np.float32))] == [length, length]


async def test_the_denoiser_never_runs_on_the_loop(workers: Workers, clock: Clock) -> None:
    denoiser = Halver(clock)
    await frames(Denoising(denoiser, workers, clock_ms=clock), 0, 3)
    assert denoiser.threads == {"denoiser-0"}


async def test_a_denoiser_without_delay_is_passed_on_as_it_is(workers: Workers, clock: Clock) -> None:
    clean, raw = await frames(Denoising(Halver(clock, delay=0), workers, clock_ms=clock), 0, 2)
    np.testing.assert_array_equal(raw, np.arange(1, 2 * FRAME + 1))
    np.testing.assert_array_equal(clean, raw / 2)


async def test_close_gives_the_denoiser_back_once(workers: Workers, clock: Clock) -> None:
    denoiser = Halver(clock)
    denoising = Denoising(denoiser, workers, clock_ms=clock)
    denoising.close()
    denoising.close()
    assert denoiser.closed == 1


# ---------------------------------------------------------------- too slow


def slow_then_fast(clock: Clock, workers: Workers) -> tuple[Halver, Denoising]:
    denoiser = Halver(clock)
    budget = RealTimeBudget(allowed_ms=100, rest_ms=200)
    return denoiser, Denoising(denoiser, workers, budget=budget, clock_ms=clock)


async def test_a_slow_denoiser_is_bypassed_and_the_time_line_has_no_jump(workers: Workers, clock: Clock) -> None:
    denoiser, denoising = slow_then_fast(clock, workers)
    denoiser.cost_ms = 130  # 110 ms behind after one frame
    first, _ = await frames(denoising, 0, 1)
    denoiser.cost_ms = 1
    bypassed, raw = await frames(denoising, 1, 11)
    np.testing.assert_array_equal(bypassed, raw)
    again, raw_again = await frames(denoising, 11, 21)
    np.testing.assert_array_equal(again[:500], raw_again[:500])  # what the denoiser still held is from before
    np.testing.assert_array_equal(again[500:], raw_again[500:] / 2)
    line = np.concatenate((first * 2, raw, raw_again))
    np.testing.assert_array_equal(line[500:], np.arange(1, 21 * FRAME + 1 - 500))


async def test_bypassed_audio_is_counted_and_warned_of_once(
    workers: Workers, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    denoiser, denoising = slow_then_fast(clock, workers)
    denoiser.cost_ms = 130
    assert denoising.bypassed_ms == 0
    await frames(denoising, 0, 22)  # one frame that is too slow, ten skipped, and the same again
    assert denoising.bypassed_ms == 400
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "slower than the call" in caplog.text


async def test_a_denoiser_that_keeps_up_is_never_bypassed(
    workers: Workers, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    denoiser, denoising = slow_then_fast(clock, workers)
    denoiser.cost_ms = 20
    await frames(denoising, 0, 50)
    assert denoising.bypassed_ms == 0
    assert not caplog.records


# ---------------------------------------------------------------- left out


async def test_a_denoiser_is_left_out_and_taken_back_as_it_is_told_and_the_time_line_has_no_jump(
    workers: Workers, clock: Clock
) -> None:
    spared, denoiser = [False], Halver(clock)
    denoising = Denoising(denoiser, workers, clock_ms=clock, spared=lambda: spared[0])
    parts = [await frames(denoising, 0, 5)]
    spared[0] = True
    parts.append(await frames(denoising, 5, 15))
    assert denoising.bypassed_ms == 200
    spared[0] = False
    parts.append(await frames(denoising, 15, 20))
    assert (denoising.bypassed_ms, denoiser.closed) == (200, 0)
    clean, raw = (np.concatenate(each) for each in zip(*parts, strict=True))
    ratio = clean[raw != 0] / raw[raw != 0]
    assert set(np.unique(np.round(ratio, 3))) == {0.5, 1.0}


# ---------------------------------------------------------------- broken


def fails(samples: Signal) -> Signal:
    raise EngineFailed("state lost")


def surprises(samples: Signal) -> Signal:
    raise ZeroDivisionError("a plug-in's bug")


def swallows(samples: Signal) -> Signal:
    return samples[1:]


@pytest.mark.parametrize(
    ("answer", "said"), [(fails, "state lost"), (surprises, "a plug-in's bug"), (swallows, "320 samples in, 319 out")]
)
async def test_a_broken_denoiser_is_bypassed_for_the_rest_of_the_call(
    workers: Workers,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    answer: Callable[[Signal], Signal],
    said: str,
) -> None:
    denoiser = Broken(clock, answer)
    denoising = Denoising(denoiser, workers, clock_ms=clock)
    _, first = await frames(denoising, 0, 1)
    clean, raw = await frames(denoising, 1, 100)
    np.testing.assert_array_equal(clean, raw)
    np.testing.assert_array_equal(np.concatenate((first, raw))[500:], np.arange(1, 100 * FRAME + 1 - 500))
    assert (denoiser.calls, denoiser.closed) == (2, 1)
    assert denoising.bypassed_ms == 99 * 20
    assert len(caplog.records) == 1
    assert said in caplog.text


async def test_a_closed_worker_pool_does_not_end_the_call(workers: Workers, clock: Clock) -> None:
    denoising = Denoising(Halver(clock), workers, clock_ms=clock)
    workers.close()
    clean, raw = await frames(denoising, 0, 3)
    np.testing.assert_array_equal(clean, raw)
    assert denoising.bypassed_ms == 60


# ---------------------------------------------------------------- what is logged


async def test_latency_is_logged_once_a_second_as_delay_and_work(
    workers: Workers, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    denoiser = Halver(clock, delay=560)
    denoiser.cost_ms = 3.2
    await frames(Denoising(denoiser, workers, clock_ms=clock), 0, 2 * SAMPLE_RATE // FRAME)
    lines = [record.getMessage() for record in caplog.records if "latency" in record.getMessage()]
    assert lines == ["DeepFilterNet latency: 38.2ms"] * 2


# ---------------------------------------------------------------- the rule


def test_a_single_late_piece_is_forgiven_and_made_up_for() -> None:
    budget = RealTimeBudget(allowed_ms=200, rest_ms=1_000)
    assert budget.ran(20, 219)  # 199 behind
    for _ in range(20):
        assert budget.ran(20, 10)  # 10 made up each time
    assert budget.ran(20, 219)


def test_being_slow_adds_up() -> None:
    budget = RealTimeBudget(allowed_ms=200, rest_ms=1_000)
    assert [budget.ran(20, 30) for _ in range(21)] == [True] * 20 + [False]


def test_work_ahead_of_time_buys_no_credit() -> None:
    budget = RealTimeBudget(allowed_ms=200, rest_ms=1_000)
    for _ in range(1_000):
        budget.ran(20, 1)
    assert not budget.ran(20, 221)


def test_a_rest_is_measured_in_audio_and_ends() -> None:
    budget = RealTimeBudget(allowed_ms=200, rest_ms=1_000)
    budget.ran(20, 1_000)
    assert [budget.may_run(20) for _ in range(51)] == [False] * 50 + [True]
    assert budget.ran(20, 219)  # what was owed before the rest is forgotten


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=200))
def test_it_rests_exactly_when_it_fell_behind(pieces: list[tuple[float, float]]) -> None:
    budget = RealTimeBudget(allowed_ms=50, rest_ms=100)
    behind = 0.0
    for audio_ms, took_ms in pieces:
        behind = max(0.0, behind + took_ms - audio_ms)
        if not budget.ran(audio_ms, took_ms):
            assert behind > 50
            assert not budget.may_run(1)
            return
        assert behind <= 50
        assert budget.may_run(1)
