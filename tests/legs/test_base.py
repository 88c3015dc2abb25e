"""What legs share: the tasks beside a call, and a leg around another."""

import asyncio

from bridge.legs.base import LegTasks


async def test_tasks_run_until_the_leg_is_left_and_no_longer() -> None:
    ended, failed = asyncio.Event(), list[Exception]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    tasks = LegTasks(failed.append)
    tasks.start(work())
    await asyncio.sleep(0)
    assert not ended.is_set()
    await tasks.stop()
    assert ended.is_set() and not failed


async def test_a_task_that_fails_tells_why_and_the_others_go_on() -> None:
    failed: asyncio.Queue[Exception] = asyncio.Queue()
    other = asyncio.Event()

    async def work() -> None:
        raise ZeroDivisionError("a fault of ours")

    async def wait() -> None:
        await other.wait()

    tasks = LegTasks(failed.put_nowait)
    tasks.start(wait())
    tasks.start(work())
    assert isinstance(await failed.get(), ZeroDivisionError)
    await tasks.stop()
    assert failed.empty()
