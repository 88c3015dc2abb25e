"""Work that nobody waits for: it ends with whoever began it, and its faults are told."""

import asyncio
import logging

import pytest

from bridge.containment import begun, beside, cancelled


async def for_ever(over: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        over.append("over")


async def broken() -> None:
    raise KeyError("a fault")


async def broken_at_its_end() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise KeyError("a fault at the end")


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str]]:
    return [
        (record.levelname, record.getMessage(), repr(record.exc_info[1]) if record.exc_info else "")
        for record in caplog.records
    ]


async def test_what_is_beside_ends_with_the_block_and_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    over = list[str]()
    async with beside(for_ever(over), "the work"):
        await asyncio.sleep(0)
        assert not over
    assert over == ["over"]
    assert not told(caplog)


async def test_a_fault_is_told_when_it_happens_and_ends_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    fault = ("ERROR", "the work has ended by a fault of ours", "KeyError('a fault')")
    async with beside(broken(), "the work"):
        for _ in range(3):
            await asyncio.sleep(0)
        assert told(caplog) == [fault]
    assert told(caplog) == [fault]


async def test_a_fault_at_the_end_is_told_and_the_other_work_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    over = list[str]()
    tasks = begun(broken_at_its_end(), "the work"), None, begun(for_ever(over), "the other")
    await asyncio.sleep(0)
    await cancelled(*tasks)
    assert over == ["over"]
    await asyncio.sleep(0)
    assert told(caplog) == [("ERROR", "the work has ended by a fault of ours", "KeyError('a fault at the end')")]


async def test_what_fails_in_the_block_is_raised_behind_the_end_of_the_work(caplog: pytest.LogCaptureFixture) -> None:
    over = list[str]()
    caplog.set_level(logging.DEBUG, "bridge")
    with pytest.raises(ValueError, match="in the block"):
        async with beside(for_ever(over), "the work"):
            await asyncio.sleep(0)
            raise ValueError("in the block")
    assert over == ["over"] and not told(caplog)
