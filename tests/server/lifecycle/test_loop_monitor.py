"""The loop is really held up here: what is measured is a thread that watches another."""

import asyncio
import logging
import time

import pytest

from bridge import logs
from bridge.server.lifecycle.loop_monitor import LoopMonitor


def block(seconds: float) -> None:
    time.sleep(seconds)


async def test_what_holds_the_loop_up_is_told_with_its_stack_and_its_call(caplog: pytest.LogCaptureFixture) -> None:
    calls = list[str]()

    class Calls(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            calls.append(logs.call_id.get())
            return True

    async def bot() -> None:
        logs.call_id.set("CA12")
        block(0.4)

    caplog.handler.addFilter(told := Calls())
    async with LoopMonitor(lambda _: None, held_s=0.1):
        await asyncio.sleep(0.12)
        await asyncio.create_task(bot())
        await asyncio.sleep(0.12)
    caplog.handler.removeFilter(told)
    (record,) = [record for record in caplog.records if "held up" in record.getMessage()]
    assert "block(0.4)" in str(record.stack_info)
    assert calls == ["CA12"]


async def test_lag_is_measured_all_the_time() -> None:
    lags = list[float]()
    async with LoopMonitor(lags.append, held_s=10):
        await asyncio.sleep(0.2)
        block(0.3)
        await asyncio.sleep(0.1)
    assert max(lags) > 0.2
    assert len(lags) >= 4


async def test_many_stalls_are_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    async with LoopMonitor(lambda _: None, held_s=0.05, told_s=60):
        for _ in range(4):
            await asyncio.sleep(0.06)
            block(0.2)
        await asyncio.sleep(0.06)
    assert len([record for record in caplog.records if "held up" in record.getMessage()]) == 1


async def test_one_that_lasts_is_told_though_another_was_just_before(caplog: pytest.LogCaptureFixture) -> None:
    async with LoopMonitor(lambda _: None, held_s=0.05, told_s=1.0):
        for seconds in (0.2, 0.2, 1.2):
            await asyncio.sleep(0.06)
            block(seconds)
        await asyncio.sleep(0.06)
    _, long = [record.getMessage() for record in caplog.records if "held up" in record.getMessage()]
    assert "(1 more were not told)" in long


async def test_a_loop_that_keeps_up_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async with LoopMonitor(lambda _: None, held_s=5):
        await asyncio.sleep(0.2)
    assert not caplog.records
