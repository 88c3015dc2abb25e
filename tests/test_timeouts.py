"""What our own event loop is late is not counted against others. The clock is virtual, and stalls make it jump."""

import asyncio

import pytest
from virtual import VirtualLoop, run

from bridge.legs.base import Silence
from bridge.timeouts import Countdown, timeout


def stall(seconds: float) -> None:
    """Hold the running loop up, as blocking code does."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.pass_by(seconds)


async def ended_after(limit_s: float, *, stalls: dict[float, float]) -> float:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for at_s, for_s in stalls.items():
        loop.call_at(at_s, stall, for_s)
    Countdown(limit_s, over.set)
    await over.wait()
    return loop.time()


def test_without_a_stall_it_ends_on_time() -> None:
    assert run(ended_after(5, stalls={})) == pytest.approx(5)


def test_a_stall_over_the_end_leaves_time_to_read() -> None:
    assert run(ended_after(5, stalls={4.9: 6})) == pytest.approx(11.4, abs=0.1)


def test_a_stall_in_the_middle_is_taken_off() -> None:
    assert run(ended_after(5, stalls={1.0: 6})) > 10.5


def test_a_loop_that_is_always_late_comes_to_an_end_too() -> None:
    async def always_late() -> float:
        async def hinder() -> None:
            while True:
                await asyncio.sleep(0.01)
                stall(0.3)

        hindering = asyncio.create_task(hinder())
        ended_s = await ended_after(1, stalls={})
        hindering.cancel()
        return ended_s

    assert run(always_late()) < 10


def test_a_peer_that_spoke_during_the_stall_is_not_gone() -> None:
    async def call() -> list[str]:
        loop, gone, silence = asyncio.get_running_loop(), list[str](), Silence(5)
        end = silence.watch(gone.append)
        for at_s in range(1, 20):
            loop.call_at(at_s + 0.001, silence.broken)  # read late, where the loop was held up: behind the timers
        loop.call_at(2.0, stall, 6)
        await asyncio.sleep(19)
        end()
        return gone

    assert run(call()) == []


@pytest.mark.parametrize("limit_s", [0.3, 0.5, 5])
def test_who_renews_it_in_time_is_never_late(limit_s: float) -> None:
    async def renewed() -> float:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        countdown = Countdown(limit_s, over.set)
        for number in range(1, 21):
            loop.call_at(0.9 * limit_s * number, countdown.renew)
        await over.wait()
        return loop.time() - 18 * limit_s

    assert limit_s <= run(renewed()) <= limit_s + 0.5


def test_a_silent_peer_is_gone_in_time() -> None:
    async def call() -> float:
        gone: asyncio.Queue[str] = asyncio.Queue()
        Silence(5).watch(gone.put_nowait)
        assert await gone.get() == "no message from the peer for 5 s"
        return asyncio.get_running_loop().time()

    assert run(call()) == pytest.approx(5)


def test_an_answer_that_came_during_a_stall_is_taken() -> None:
    async def ask() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        loop.call_at(1.9, stall, 6)
        loop.call_at(2.5, answer.set_result, "yes")
        async with timeout(2):
            return await answer

    assert run(ask()) == "yes"


def test_no_answer_is_a_timeout() -> None:
    async def ask() -> None:
        async with timeout(2):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(ask())


def test_what_was_answered_in_time_may_take_as_long_as_it_likes() -> None:
    async def ask() -> float:
        async with timeout(2) as limit:
            limit.unlimited()
            await asyncio.sleep(10)
        return asyncio.get_running_loop().time()

    assert run(ask()) == pytest.approx(10)
