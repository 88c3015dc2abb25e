import asyncio
import gc
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from bot.threads import NICENESS
from bridge.speech.api import EngineFailed
from bridge.speech.workers import Workers

WAIT_S = 10.0


class Gate:
    """A job that says when it has begun and ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.opened.wait(WAIT_S)
        return "through"

    async def entered(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, WAIT_S)


@pytest.fixture
def one() -> Iterator[Workers]:
    workers = Workers(1, name="one")
    yield workers
    workers.close()


async def queued(workers: Workers, count: int) -> None:
    await asyncio.sleep(0)  # the tasks made so far run up to their first wait
    assert workers.waiting == count


async def test_the_result_and_the_arguments_pass_through(one: Workers) -> None:
    assert await one.run(divmod, 17, 5) == (3, 2)


async def test_the_callers_exception_comes_back_and_the_thread_lives_on(one: Workers) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await one.run(int, "no number")
    assert await one.run(int, "7") == 7


@pytest.mark.parametrize("error", [SystemExit("bye"), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_not_even_an_exit_kills_a_thread(one: Workers, error: BaseException) -> None:
    def leave() -> None:
        raise error

    with pytest.raises(type(error)):
        await one.run(leave)
    assert await one.run(int, "7") == 7


async def test_an_end_of_iteration_reaches_the_caller_as_a_failure(one: Workers) -> None:
    with pytest.raises(EngineFailed, match="StopIteration"):
        await one.run(next, iter([]))


async def test_lower_priority_numbers_go_first_and_equals_in_order_of_arrival(one: Workers) -> None:
    gate, order = Gate(), list[str]()
    held = asyncio.ensure_future(one.run(gate))
    await gate.entered()
    jobs = [one.run(order.append, name, priority=priority) for name, priority in [("b1", 1), ("b2", 1), ("a", 0)]]
    waiting = [asyncio.ensure_future(job) for job in jobs]
    await queued(one, 3)
    gate.opened.set()
    await asyncio.gather(held, *waiting)
    assert order == ["a", "b1", "b2"]


async def test_a_job_cancelled_before_it_began_never_runs(one: Workers) -> None:
    gate, ran = Gate(), list[str]()
    held = asyncio.ensure_future(one.run(gate))
    await gate.entered()
    doomed = asyncio.ensure_future(one.run(ran.append, "doomed"))
    kept = asyncio.ensure_future(one.run(ran.append, "kept", priority=1))
    await queued(one, 2)
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert one.waiting == 1
    gate.opened.set()
    await asyncio.gather(held, kept)
    assert ran == ["kept"]


async def test_a_job_cancelled_after_it_began_leaves_the_pool_usable(one: Workers) -> None:
    gate = Gate()
    running = asyncio.ensure_future(one.run(gate))
    await gate.entered()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    gate.opened.set()
    assert await one.run(int, "7") == 7


async def test_as_many_jobs_run_at_once_as_there_are_threads() -> None:
    workers = Workers(2, name="two")
    first, second = Gate(), Gate()
    both = [asyncio.ensure_future(workers.run(gate)) for gate in (first, second)]
    await asyncio.gather(first.entered(), second.entered())
    first.opened.set()
    second.opened.set()
    assert await asyncio.gather(*both) == ["through", "through"]
    workers.close()


async def test_closing_fails_what_is_queued_and_delivers_what_was_under_way() -> None:
    workers = Workers(1, name="asr")
    gate, ran = Gate(), list[str]()
    running = asyncio.ensure_future(workers.run(gate))
    await gate.entered()
    late = asyncio.ensure_future(workers.run(ran.append, "late"))
    await queued(workers, 1)
    closing = asyncio.ensure_future(asyncio.to_thread(workers.close))
    with pytest.raises(EngineFailed, match="asr: closed"):
        await late
    gate.opened.set()
    assert await running == "through"
    await closing
    assert ran == []
    assert workers.waiting == 0


async def test_a_closed_pool_refuses_work_and_leaves_no_thread() -> None:
    workers = Workers(2, name="soon-gone")
    workers.close()
    workers.close()
    with pytest.raises(EngineFailed, match="soon-gone: closed"):
        await workers.run(int, "7")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("soon-gone")]


def test_a_loop_that_closed_meanwhile_does_not_kill_the_thread(one: Workers) -> None:
    gate = Gate()

    async def leave() -> None:
        task = asyncio.ensure_future(one.run(gate))
        await gate.entered()
        task.cancel()

    asyncio.run(leave())
    gate.opened.set()
    assert asyncio.run(one.run(int, "7")) == 7


async def test_the_callers_context_variables_reach_the_thread(one: Workers) -> None:
    call_id = ContextVar("call_id", default="none")
    call_id.set("call-7")
    assert await one.run(call_id.get) == "call-7"


async def test_an_idle_pool_keeps_nothing_of_the_last_job(one: Workers) -> None:
    class Audio:
        pass

    audio = Audio()
    gone = weakref.ref(audio)
    await one.run(id, audio)
    await one.run(int, "7")
    del audio
    gc.collect()
    assert gone() is None


def test_no_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="threads is 0"):
        Workers(0, name="none")


async def test_a_job_hears_that_it_is_given_up_and_its_caller_is_let_go_when_the_thread_is_free(one: Workers) -> None:
    gate, given_up = Gate(), threading.Event()
    caller = asyncio.create_task(one.run(gate, given_up=given_up))
    await gate.entered()
    assert not given_up.is_set()
    caller.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert given_up.is_set()
    assert not caller.done()
    gate.opened.set()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert await one.run(int, "7") == 7


async def test_a_cancelled_caller_whose_job_has_not_begun_is_let_go_at_once(one: Workers) -> None:
    gate = Gate()
    running = asyncio.create_task(one.run(gate))
    await gate.entered()
    waiting = asyncio.create_task(one.run(int, "7", given_up=threading.Event()))
    await queued(one, 1)
    waiting.cancel()
    await asyncio.wait([waiting], timeout=1)
    assert waiting.cancelled()
    gate.opened.set()
    assert await running == "through"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no niceness of their own")
@pytest.mark.parametrize("gives_way", [True, False])
async def test_only_workers_that_are_to_give_way_do(gives_way: bool) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    workers = Workers(1, name="low", gives_way=gives_way)
    try:
        assert await workers.run(niceness) == min(niceness() + (NICENESS if gives_way else 0), 19)
    finally:
        workers.close()
