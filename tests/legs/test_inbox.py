"""What waits for a call: bounded, in order, and with errors behind what came before them."""

import asyncio

import pytest

from bridge.leg import LegLost
from bridge.legs.inbox import Inbox


async def test_items_come_out_in_order() -> None:
    inbox = Inbox[int](3)
    inbox.put(1, 2)
    inbox.put_always(3)
    assert [await inbox.get() for _ in range(3)] == [1, 2, 3]


async def test_an_error_is_raised_behind_what_came_before_it() -> None:
    inbox = Inbox[int](3)
    inbox.put(1)
    inbox.put_always(ValueError("no more"))
    assert await inbox.get() == 1
    with pytest.raises(ValueError, match="no more"):
        await inbox.get()


async def test_one_too_many_loses_the_call_once_and_the_rest_is_dropped() -> None:
    inbox = Inbox[int](2)
    inbox.put(1, 2, 3, 4)
    inbox.put_always(5)
    assert [await inbox.get(), await inbox.get()] == [1, 2]
    with pytest.raises(LegLost, match="did not keep up"):
        await inbox.get()
    assert await inbox.get() == 5, "what must not be lost is there all the same"


async def test_who_puts_in_turn_waits_for_room() -> None:
    inbox = Inbox[int](1)
    await inbox.put_in_turn(1)
    putting = asyncio.create_task(inbox.put_in_turn(2))
    await asyncio.sleep(0)
    assert not putting.done()
    assert await inbox.get() == 1
    await putting
    assert await inbox.get() == 2


async def test_who_reads_an_empty_inbox_waits_for_the_next_item() -> None:
    inbox = Inbox[int](1)
    getting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not getting.done()
    inbox.put(7)
    assert await getting == 7
