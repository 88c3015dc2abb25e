"""Turns of audio that comes faster than speech."""

import asyncio
from collections.abc import Callable

import pytest
from fakes import FakeClock

from bridge.admission.fast_lane import FastLane


class Lane:
    """A lane whose pauses take no time but the clock's."""

    def __init__(self, *, calls: int = 0) -> None:
        self.clock, self.pauses = FakeClock(), list[float]()
        self.lane = FastLane(lambda: calls, self.clock, pause=self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def turn(self, takes_s: float) -> None:
        over = await self.lane.turn()
        self.clock.advance(takes_s)
        over()


async def test_while_somebody_is_on_the_line_five_sixths_of_the_time_are_for_others() -> None:
    lane = Lane(calls=1)
    for _ in range(10):
        await lane.turn(0.01)
    assert lane.pauses == [0, *[pytest.approx(0.05)] * 9]


async def test_the_same_while_a_client_speaks_and_a_second_later_no_more() -> None:
    lane = Lane()
    lane.lane.live()
    await lane.turn(0.01)
    await lane.turn(0.01)
    assert lane.pauses[-1] == pytest.approx(0.05)
    lane.clock.advance(1.1)
    await lane.turn(0.01)
    await lane.turn(0.01)
    assert lane.pauses[-1] == 0


async def test_with_nobody_who_speaks_recordings_go_as_fast_as_they_can() -> None:
    lane = Lane()
    for _ in range(10):
        await lane.turn(0.01)
    assert set(lane.pauses) == {0}


async def test_turns_are_had_in_the_order_of_asking_and_one_at_a_time() -> None:
    lane, order = Lane(), list[int]()
    held: list[Callable[[], None]] = [await lane.lane.turn()]

    async def want(number: int) -> None:
        held.append(await lane.lane.turn())
        order.append(number)

    wanting = [asyncio.create_task(want(number)) for number in range(3)]
    for turns in range(3):
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == list(range(turns))
        held[-1]()
    await asyncio.gather(*wanting)
    assert order == [0, 1, 2]


async def test_a_turn_that_waits_for_something_else_is_over_by_itself() -> None:
    lane = Lane()
    await lane.lane.turn()
    async with asyncio.timeout(5):
        (await lane.lane.turn())()


async def test_who_goes_while_it_waits_takes_no_turn_with_it() -> None:
    lane = Lane()
    over = await lane.lane.turn()
    waiting = asyncio.create_task(lane.lane.turn())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    over()
    over()
    async with asyncio.timeout(5):
        await lane.turn(0)
