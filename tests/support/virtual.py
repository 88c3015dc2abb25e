"""An event loop whose time passes at once: where nothing is left to do, the clock jumps to the next timer."""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class _Jumping(selectors.SelectSelector):
    """Waits for nobody; what was to be waited for has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += max(0.0, timeout or 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets: an hour of it takes as long as what is done in it."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def pass_by(self, seconds: float) -> None:
        """Let time pass in which the loop does nothing: something holds it up."""
        self._jumping.now_s += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in virtual time.

    Raises:
        whatever `main` raises, or an AssertionError where something else failed unheard in the loop.
    """
    unheard: list[Mapping[str, Any]] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: unheard.append(context))
        result = runner.run(main)
    assert not unheard, unheard
    return result
