"""From the signal to the end, without waiting: the pauses are the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fakes import FakePause
from stage import settle

from bridge.admission.lines import Busy, Lines
from bridge.server.lifecycle.shutdown import Shutdown, end_s, longest_s
from bridge.settings import Settings


class Call:
    """A call on the line that notes what it is told, and ends when it likes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def drain(self) -> None:
        self.told.append("drain")

    def finish(self, reason: str) -> None:
        self.told.append("goodbye")

    def stop(self, reason: str) -> None:
        self.told.append("stop")


class CallsOut:
    def __init__(self) -> None:
        self.told: list[str] = []

    def drain(self) -> None:
        self.told.append("drain")

    async def close(self) -> None:
        self.told.append("close")


class Rig:
    def __init__(self) -> None:
        self.lines, self.pause, self.calls_out, self.call = Lines(5), FakePause(), CallsOut(), Call()
        self.shutdown = Shutdown(self.lines, self.calls_out, Settings(drain_timeout=600), pause=self.pause)
        self.line = self.lines.take()
        self.line.__enter__()
        self.lines.calls.add(self.call)
        self.over = asyncio.create_task(self._run())

    async def _run(self) -> None:
        await self.shutdown.time_to_end()
        await self.shutdown.end_calls()

    def hang_up(self) -> None:
        self.lines.calls.clear()
        self.line.__exit__(None, None, None)


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    await settle()
    yield made
    made.over.cancel()
    await asyncio.gather(made.over, return_exceptions=True)


async def test_the_first_sigterm_takes_no_new_call_and_cuts_none() -> None:
    async with rig() as it:
        it.shutdown.terminate()
        await settle()
        assert it.call.told == ["drain"] and it.calls_out.told == ["drain"]
        with pytest.raises(Busy, match="shutting down"), it.lines.take():
            pass
        assert it.pause.delays == [600] and not it.over.done() and not it.lines.ending


async def test_the_server_ends_as_soon_as_its_last_call_has() -> None:
    async with rig() as it:
        it.shutdown.terminate()
        await settle()
        it.hang_up()
        await it.over
        assert it.call.told == ["drain"]


async def test_the_end_of_the_time_says_goodbye_and_then_ends_what_is_left() -> None:
    async with rig() as it:
        it.shutdown.terminate()
        await it.pause.until(1)
        await it.pause.end()
        await settle()
        assert it.call.told == ["drain", "goodbye"] and it.lines.ending
        await it.pause.until(2)
        await it.pause.end()
        await settle()
        assert it.call.told == ["drain", "goodbye", "stop"]
        await it.pause.until(3)
        await it.pause.end()
        await it.over


async def test_a_second_signal_says_goodbye_and_a_third_does_not_wait_for_it() -> None:
    async with rig() as it:
        it.shutdown.terminate()
        await settle()
        it.shutdown.terminate()
        await settle()
        assert it.call.told == ["drain", "goodbye"]
        it.shutdown.terminate()
        await settle()
        assert it.call.told == ["drain", "goodbye", "stop"]


async def test_ctrl_c_ends_the_calls_at_once() -> None:
    async with rig() as it:
        it.shutdown.interrupt()
        await settle()
        assert it.call.told == ["stop"] and it.lines.ending
        it.hang_up()
        await it.over


async def test_ctrl_c_ends_a_drain_too() -> None:
    async with rig() as it:
        it.shutdown.terminate()
        await settle()
        it.shutdown.interrupt()
        await settle()
        assert it.call.told == ["drain", "stop"]


async def test_sigterm_after_the_port_was_handed_over_lets_the_calls_go_on() -> None:
    async with rig() as it:
        it.shutdown.drain("another server has taken the port")
        await settle()
        it.shutdown.terminate()
        await settle()
        assert it.call.told == ["drain"]


async def test_calls_are_ended_once_however_often_it_is_asked() -> None:
    async with rig() as it:
        it.shutdown.interrupt()
        await settle()
        await it.shutdown.end_calls()
        assert it.call.told == ["stop"] and it.calls_out.told == ["close"]


def test_the_time_announced_is_that_of_the_options() -> None:
    options = Settings(drain_timeout=100, final_timeout=20)
    assert end_s(options) == 35 and longest_s(options) == 135
