"""Time that passes at once, and what is recorded in it."""

import asyncio
from functools import partial

import pytest

from bridge.replay.virtual_time import NothingHappens, PatientLoop, Schedule, run


def test_what_is_recorded_happens_in_its_order_also_at_the_same_time() -> None:
    async def main() -> list[int]:
        schedule, happened = Schedule(), list[int]()

        async def line(at_s: float, number: int) -> None:
            await schedule.until(at_s, number)
            happened.append(number)
            assert asyncio.get_running_loop().time() == max(at_s, 100.0)

        await asyncio.gather(
            line(103.0, 4), line(102.0, 3), line(102.0, 2), line(102.0, 0), line(102.0, 0), line(1.0, 1)
        )
        assert schedule.reached == 4
        return happened

    assert run(main(), make_loop=partial(PatientLoop, 100.0)) == [1, 0, 0, 2, 3, 4]


def test_what_is_not_waited_for_any_more_holds_up_nothing() -> None:
    async def main() -> None:
        schedule = Schedule()
        first = asyncio.create_task(schedule.until(1.0, 1))
        second = asyncio.create_task(schedule.until(2.0, 2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert asyncio.get_running_loop().time() == 2.0 and schedule.reached == 2

    run(main())


def test_a_thread_takes_no_time_and_its_error_is_the_callers() -> None:
    async def main() -> None:
        assert await asyncio.to_thread(int, "7") == 7
        with pytest.raises(ValueError, match="invalid literal"):
            await asyncio.to_thread(int, "x")
        assert asyncio.get_running_loop().time() == 5.0

    run(main(), make_loop=partial(PatientLoop, 5.0))


def test_where_nothing_can_happen_any_more_it_is_said() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingHappens):
        run(main())
