"""How loaded the server is, and what is left out under load, in steps. Pure: the clock is an argument."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from math import ceil
from typing import Final

from bridge.speech.api import Standing

_WINDOW_S: Final = 10.0
_SHARE: Final = 0.75
"""The load is what so many of the newest measures do not exceed: one stall, or one slow final of many, is no load."""
_TYPICAL_RUN_S: Final = 1.0
_RUNS: Final = 16
CALM_S: Final = 5.0
"""So long it is calm before a step is taken back."""
_CALM: Final = 0.5
"""Of what took the step: in between it stays."""


class Whose(StrEnum):
    """Lines are counted and judged apart, so that neither kind takes those of the other."""

    CALLS = "calls"
    CLIENTS = "clients"


class Step(IntEnum):
    """What is left out; each step includes those before it. Finals never are."""

    NOTHING = 0
    DENOISING = 1
    PARTIALS = 2
    NEWCOMERS = 3


_BEGINS: Final = {Step.DENOISING: 0.5, Step.PARTIALS: 0.75, Step.NEWCOMERS: 1.0}
"""Of the limit."""


class LoadSteps:
    """Goes up one step at a look while there is too much to do, and down one for each `CALM_S` that are calm."""

    def __init__(self) -> None:
        self.step = Step.NOTHING
        self._calm_since_s: float | None = None

    def look(self, pressure: float, now_s: float) -> None:
        """Take the load as it is at `now_s`. `pressure`: 1.0 is the limit."""
        if self.step < Step.NEWCOMERS and pressure >= _BEGINS[Step(self.step + 1)]:
            self._calm_since_s = None
            self.step = Step(self.step + 1)
        elif self.step is Step.NOTHING or pressure >= _CALM * _BEGINS[self.step]:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = now_s
        elif now_s - self._calm_since_s >= CALM_S:
            self._calm_since_s = now_s
            self.step = Step(self.step - 1)


class Recent:
    """Measures of the last seconds."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._measures: deque[tuple[float, float]] = deque()

    def add(self, value: float) -> None:
        """Keep `value`, and forget what is too old."""
        now_s = self._clock_s()
        self._measures.append((now_s, value))
        self._forget(now_s)

    def typical(self, *more: float) -> float:
        """Return what most of the measures, and of `more`, do not exceed; 0 without any."""
        self._forget(self._clock_s())
        values = sorted([*(value for _, value in self._measures), *more])
        return values[ceil(_SHARE * len(values)) - 1] if values else 0.0

    def _forget(self, now_s: float) -> None:
        while self._measures and self._measures[0][0] < now_s - _WINDOW_S:
            self._measures.popleft()


class WaitingFinals:
    """How long finals wait until an engine works on them: those answered lately, and those that still wait."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._waited = {standing: Recent(clock_s) for standing in Standing}
        self._runs: deque[float] = deque(maxlen=_RUNS)
        self._under_way: dict[object, tuple[Standing, float]] = {}

    @contextmanager
    def final(self, standing: Standing, /) -> Iterator[Callable[[float], None]]:
        """Count a final that is decoded inside the block; what it returns takes the seconds that an engine worked."""
        began_s, key = self._clock_s(), object()
        self._under_way[key] = standing, began_s

        def answered(run_s: float) -> None:
            self._runs.append(run_s)
            self._waited[standing].add(max(0.0, self._clock_s() - began_s - run_s))

        try:
            yield answered
        finally:
            del self._under_way[key]

    def wait_s(self, standing: Standing) -> float:
        """Return how long those of `standing` wait; of one under way, what is more than others take to be decoded."""
        now_s, run_s = self._clock_s(), max(self._runs, default=_TYPICAL_RUN_S)
        open_ones = (now_s - began_s - run_s for whose, began_s in self._under_way.values() if whose is standing)
        return self._waited[standing].typical(*(late_s for late_s in open_ones if late_s > 0))


class Load:
    """The load of one server.

    Calls are judged by what calls wait, clients by what either waits, and both by the loop: so clients, whose decodes
    wait for those of calls, go short first, and many of them keep no call out.
    """

    def __init__(self, *, final_wait_s: float, loop_lag_s: float, clock_s: Callable[[], float]) -> None:
        """`final_wait_s`, `loop_lag_s`: the limits, 0 for none."""
        self._final_wait_s, self._loop_lag_s, self._clock_s = final_wait_s, loop_lag_s, clock_s
        self.waits, self.lag = WaitingFinals(clock_s), Recent(clock_s)
        self._steps = {whose: LoadSteps() for whose in Whose}

    def wait_s(self, whose: Whose) -> float:
        """Return how long finals wait, of calls, or of whoever sends audio as it is spoken."""
        of_calls = self.waits.wait_s(Standing.CALL)
        return of_calls if whose is Whose.CALLS else max(of_calls, self.waits.wait_s(Standing.LIVE))

    def look(self) -> None:
        """Judge the load as it is now. To be called about once a second."""
        late = _share_of(self.lag.typical(), self._loop_lag_s)
        for whose, steps in self._steps.items():
            steps.look(max(late, _share_of(self.wait_s(whose), self._final_wait_s)), self._clock_s())

    def step(self, whose: Whose) -> Step:
        """Return what is left out now."""
        return self._steps[whose].step

    def overload(self, whose: Whose) -> str:
        """Return why nobody new may come, "" where somebody may."""
        if self.step(whose) < Step.NEWCOMERS:
            return ""
        return "the server has too much to do"

    def spares_partials(self, standing: Standing) -> bool:
        """Return whether there are no partials now."""
        return self.step(whose_is(standing)) >= Step.PARTIALS

    def spares_denoising(self, standing: Standing) -> bool:
        """Return whether nobody is denoised now."""
        return self.step(whose_is(standing)) >= Step.DENOISING


def whose_is(standing: Standing) -> Whose:
    """Return by whose load it is judged."""
    return Whose.CALLS if standing is Standing.CALL else Whose.CLIENTS


def _share_of(value: float, limit: float) -> float:
    return value / limit if limit else 0.0
