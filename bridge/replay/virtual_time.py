"""An event loop whose time passes at once: where nothing is left to do, the clock jumps to the next timer."""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class NothingHappens(RuntimeError):
    """Everything waits for something, and nothing is left that could happen."""


class _Jumping(selectors.SelectSelector):
    """Waits for nobody; what was to be waited for has passed."""

    def __init__(self, now_s: float) -> None:
        super().__init__()
        self.now_s = now_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise NothingHappens(f"nothing is left to happen after {self.now_s:g} s")
        self.now_s += max(0.0, timeout or 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets: an hour of it takes as long as what is done in it."""

    def __init__(self, now_s: float = 0.0) -> None:
        """`now_s`: what the clock says at first."""
        self._jumping = _Jumping(now_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def pass_by(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing: something holds it up."""
        self._jumping.now_s += seconds


class PatientLoop(VirtualLoop):
    """Waits for what is done in a thread: no time passes meanwhile."""

    def __init__(self, now_s: float = 0.0) -> None:
        super().__init__(now_s)
        self._thread = ThreadPoolExecutor(1)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result((executor or self._thread).submit(func, *args).result())
        except Exception as error:  # it is raised where the result is awaited
            done.set_exception(error)
        return done

    def close(self) -> None:
        self._thread.shutdown()
        super().close()


def run(main: Coroutine[Any, Any, T], *, make_loop: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop) -> T:
    """Run `main` in virtual time.

    Raises:
        whatever `main` raises, or an AssertionError where something else failed unheard in the loop.
    """
    unheard: list[Mapping[str, Any]] = []
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: unheard.append(context))
        result = runner.run(main)
    assert not unheard, unheard
    return result


class Schedule:
    """Lets what is recorded happen at its time, and in its order where that is the same."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._count = itertools.count()  # no two are equal
        self.reached = 0
        """The number of the newest line that has happened."""

    async def until(self, at_s: float, number: int) -> None:
        """Wait for line `number`, which happens at `at_s`: for a turn of the loop at least."""
        if at_s <= self._loop.time():
            await asyncio.sleep(0)
        else:
            due = self._loop.create_future()
            heapq.heappush(self._waiting, (at_s, number, next(self._count), due))
            self._set()
            await due
        self.passed(number)

    def passed(self, number: int) -> None:
        """WireLine `number` has happened."""
        self.reached = max(self.reached, number)

    def _set(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._waiting[0][0], self._ring) if self._waiting else None

    def _ring(self) -> None:
        self._timer = None
        *_, due = heapq.heappop(self._waiting)
        if not due.done():
            due.set_result(None)
        self._set()
