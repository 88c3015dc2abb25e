"""Hooks that are written without `async`: they may block, so they run in threads."""

import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import Future
from typing import Generic, TypeVar, TypeVarTuple

from bot.threads import in_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def call(hook: Callable[[*Ts], Awaitable[None] | None], *args: *Ts) -> None:
    """Call `hook`: on the event loop where it is `async def`, else in a thread.

    Raises:
        BaseException: whatever it raises. RuntimeError: too many threads are at work.
    """
    result = hook(*args) if inspect.iscoroutinefunction(hook) else await _threaded(lambda: hook(*args))
    if inspect.isawaitable(result):
        await result


async def pieces(reply: Generator[T, None, object]) -> AsyncGenerator[T, None]:
    """Yield what a plain generator yields, each piece made in a thread; what is thrown in reaches it."""
    reader, thrown = _Reader(reply), None
    try:
        while made := await _threaded(reader.throw(thrown) if thrown else reader.next):
            try:
                thrown = None
                yield made[0]
            except Exception as error:  # whatever is thrown in is for its author
                thrown = error
    finally:
        await reader.close()


class _Reader(Generic[T]):
    """Reads a generator in threads, one step at a time."""

    def __init__(self, reply: Generator[T, None, object]) -> None:
        self._reply, self._at_work, self._over = reply, threading.Lock(), False

    def next(self) -> tuple[T] | None:
        """Return the next piece; None at the end."""
        return self._step(lambda: next(self._reply))

    def throw(self, error: Exception) -> Callable[[], tuple[T] | None]:
        """Return what raises `error` where the generator stands, and does as `next`."""
        return lambda: self._step(lambda: self._reply.throw(error))

    async def close(self) -> None:
        """End it; one that is at work ends with its step, and nobody waits for that."""
        self._over = True
        if not self._at_work.locked():
            await _threaded(self._reply.close)

    def _step(self, move: Callable[[], T]) -> tuple[T] | None:
        with self._at_work:
            try:
                return None if self._over else (move(),)
            except StopIteration:
                return None
            finally:
                if self._over:
                    self._reply.close()


async def _threaded(work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises; it runs in a thread."""

    def outcome() -> Future[T]:
        done = Future[T]()
        try:
            done.set_result(work())
        except BaseException as error:  # whatever it is, it is raised again where it was asked for
            done.set_exception(error)
        return done

    return (await in_thread(outcome)).result()
