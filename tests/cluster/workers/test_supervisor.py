"""Workers are started, started anew, replaced and ended; time passes when the test says so."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from fakes import FakeClock

from bridge.cluster.workers.started import StartFailed
from bridge.cluster.workers.supervisor import Supervisor


class FakeProcess:
    """Serves when the test says so, or at once."""

    def __init__(self, number: int, row: int, clock: FakeClock, *, fails: int | None, loads: bool) -> None:
        self.number, self.row, self.pid, self.banner = number, row, 1000 + row, f"worker {number}"
        self.heard_s = clock()
        self.signals: list[signal.Signals] = []
        self.siblings: list[Mapping[str, int]] = []
        self.gave_way = False
        self._warm, self._ready, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.code = 0
        if fails is not None:
            self.end(fails)
        elif loads:
            self.load()

    def load(self) -> None:
        self._warm.set()

    async def warm(self) -> bool:
        return await self._reached(self._warm)

    def serve(self) -> None:
        if not self._over.is_set():
            self._ready.set()

    async def ready(self) -> bool:
        return await self._reached(self._ready)

    async def _reached(self, stage: asyncio.Event) -> bool:
        waits = [asyncio.ensure_future(each.wait()) for each in (stage, self._over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return stage.is_set()

    def serving(self) -> bool:
        return self._ready.is_set()

    async def ended(self) -> int:
        await self._over.wait()
        return self.code

    def end(self, code: int = 0) -> None:
        self.code = code
        self._over.set()

    def tell_siblings(self, workers: Sequence[Mapping[str, int]]) -> None:
        self.siblings = list(workers)

    def give_way(self) -> None:
        self.gave_way = True

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number in {signal.SIGINT, signal.SIGKILL}:
            self.end(-number if number is signal.SIGKILL else 0)


class Rig:
    """A supervisor of processes that are none."""

    def __init__(self, *, workers: int = 2, first_has_ports: bool = False) -> None:
        self.clock, self.started = FakeClock(), list[FakeProcess]()
        self.fails: list[int] = []
        """Exit codes of the next workers that do not start."""
        self.loads = True
        """Whether workers load at once; else when the test says so."""
        self.unusable = ""
        self.freed: list[tuple[int, int]] = []
        self.pauses: list[float] = []
        self._waiting: list[tuple[float, asyncio.Event]] = []
        self.supervisor = Supervisor(
            self._launch,
            workers=workers,
            rows=8,
            free_row=lambda row, pid: self.freed.append((row, pid)),
            first_has_ports=lambda: first_has_ports,
            renew=self._renew,
            clock_s=self.clock,
            pause=self._pause,
        )

    async def _launch(self, number: int, row: int) -> FakeProcess:
        fails = self.fails.pop(0) if self.fails else None
        process = FakeProcess(number, row, self.clock, fails=fails, loads=self.loads)
        self.started.append(process)
        return process

    def _renew(self) -> None:
        if self.unusable:
            raise ValueError(self.unusable)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        over = asyncio.Event()
        self._waiting.append((self.clock() + seconds, over))
        await over.wait()

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def after(self, seconds: float) -> None:
        """Let time pass, and what was to come then."""
        self.clock.advance(seconds)
        for at_s, over in self._waiting:
            if at_s <= self.clock():
                over.set()
        await self.settle()


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[list[FakeProcess]]:
    assert await rig.supervisor.start() == "worker 1"
    yield rig.started
    rig.supervisor.end(signal.SIGINT, within_s=60)
    async with asyncio.timeout(5):
        await rig.supervisor.until_over()


async def test_all_are_started_the_first_alone_and_each_knows_the_others() -> None:
    rig = Rig(workers=3)
    async with running(rig) as started:
        assert [each.number for each in started] == [1, 2, 3]
        for each in started:
            assert [told["number"] for told in each.siblings] == [1, 2, 3]
        assert len({each.row for each in started}) == 3


async def test_a_worker_that_does_not_start_at_the_beginning_ends_all() -> None:
    rig = Rig(workers=3)
    rig.fails = [2]
    with pytest.raises(StartFailed) as failed:
        await rig.supervisor.start()
    assert failed.value.code == 2 and len(rig.started) == 1, "the others are not even tried"


async def test_a_worker_that_dies_is_started_anew_after_a_pause_that_grows_while_it_goes_on_dying() -> None:
    rig = Rig()
    async with running(rig) as started:
        started[1].end(-9)
        await rig.settle()
        assert len(started) == 2 and (started[1].row, started[1].pid) in rig.freed
        assert [told["number"] for told in started[0].siblings] == [1]
        rig.fails = [1, 1]
        for pause_s in (0.5, 1.0, 2.0):
            await rig.after(pause_s)
        assert [each.number for each in started] == [1, 2, 2, 2, 2]
        assert [told["number"] for told in started[0].siblings] == [1, 2]
        assert rig.pauses[-1] == 2.0


async def test_a_worker_that_dies_after_a_long_service_comes_back_at_once() -> None:
    rig = Rig()
    async with running(rig) as started:
        for _ in range(3):
            started[-1].heard_s = rig.clock() + 100
            started[0].heard_s = rig.clock() + 100
            await rig.after(100)
            started[-1].end(1)
            await rig.settle()
            assert rig.pauses[-1] == 0.5
            await rig.after(0.5)
        assert len(started) == 5


async def test_a_worker_that_stands_still_is_killed_and_another_comes() -> None:
    rig = Rig()
    async with running(rig) as started:
        for _ in range(7):
            started[0].heard_s = rig.clock()
            await rig.after(5)
        assert started[1].signals == [signal.SIGKILL] and not started[0].signals
        await rig.after(0.5)
        assert [each.number for each in started] == [1, 2, 2]


async def test_nobody_is_killed_where_the_supervisor_stood_still_itself() -> None:
    rig = Rig()
    async with running(rig) as started:
        await rig.settle()
        await rig.after(600)
        for each in started:
            each.heard_s = rig.clock()
        await rig.after(5)
        assert not any(each.signals for each in started)


async def test_workers_are_replaced_one_after_the_other_and_the_old_ones_drain() -> None:
    rig = Rig()
    async with running(rig) as started:
        rig.supervisor.replace_all()
        await rig.settle()
        assert [each.number for each in started] == [1, 2, 1, 2]
        assert [each.gave_way for each in started] == [True, True, False, False]
        assert not any(each.signals for each in started)
        leaving = {told["row"]: told["leaving"] for told in started[3].siblings}
        assert leaving == {started[0].row: 1, started[1].row: 1, started[2].row: 0, started[3].row: 0}
        started[0].end()
        started[1].end()
        await rig.settle()
        assert len(started) == 4 and len(started[3].siblings) == 2, "nobody takes the place of who was replaced"


async def test_a_worker_that_cannot_be_replaced_goes_on_and_so_do_those_behind_it() -> None:
    rig = Rig()
    async with running(rig) as started:
        rig.fails = [1]
        rig.supervisor.replace_all()
        await rig.settle()
        assert not started[0].gave_way and not started[1].gave_way and len(started) == 3


async def test_settings_that_cannot_be_used_replace_nobody() -> None:
    rig = Rig()
    async with running(rig) as started:
        rig.unusable = "--port / BRIDGE_PORT is 'x'"
        rig.supervisor.replace_all()
        await rig.settle()
        assert len(started) == 2


async def test_a_first_worker_with_ports_ends_once_the_next_one_is_warm_which_serves_after_it() -> None:
    rig = Rig(first_has_ports=True)
    async with running(rig) as started:
        rig.supervisor.replace_all()
        await rig.settle()
        assert started[0].signals == [signal.SIGTERM] and not started[0].gave_way
        assert [each.number for each in started] == [1, 2, 1] and not started[2].serving()
        rig.supervisor.reread()
        started[0].end()
        await rig.settle()
        assert started[2].serving() and not rig.pauses[1:], "it waits for nothing else"
        assert started[2].signals == [signal.SIGHUP], "what others read again while it stood by, it reads then"
        assert [each.number for each in started] == [1, 2, 1, 2] and started[1].gave_way


async def test_a_first_worker_with_ports_goes_on_where_the_next_one_does_not_load() -> None:
    rig = Rig(first_has_ports=True)
    async with running(rig) as started:
        rig.fails = [3]
        rig.supervisor.replace_all()
        await rig.settle()
        assert not started[0].signals and [each.number for each in started] == [1, 2, 1]


@pytest.mark.parametrize("has_ports", [True, False])
async def test_a_worker_that_dies_while_the_next_one_loads_gets_no_second_one_in_its_place(has_ports: bool) -> None:
    rig = Rig(first_has_ports=has_ports)
    async with running(rig) as started:
        rig.loads = False
        rig.supervisor.replace_all()
        await rig.settle()
        started[0].end(-9)
        await rig.after(60)
        assert [each.number for each in started] == [1, 2, 1] and not started[2].serving()
        started[2].load()
        await rig.settle()
        assert started[2].serving()


async def test_where_both_a_worker_and_the_next_one_die_another_is_started() -> None:
    rig = Rig()
    async with running(rig) as started:
        rig.loads = False
        rig.supervisor.replace_all()
        await rig.settle()
        rig.loads = True
        started[0].end(-9)
        started[2].end(1)
        await rig.settle()
        await rig.after(0.5)
        assert [each.number for each in started].count(1) == 3


async def test_where_the_next_one_fails_after_the_first_has_ended_for_it_another_is_started() -> None:
    rig = Rig(first_has_ports=True)
    async with running(rig) as started:
        rig.supervisor.replace_all()
        await rig.settle()
        started[2].end(1)
        started[0].end()
        await rig.settle()
        await rig.after(0.5)
        assert [each.number for each in started].count(1) == 3 and started[-1].serving()


async def test_signals_reach_all_and_the_supervisor_ends_when_they_have() -> None:
    rig = Rig()
    await rig.supervisor.start()
    rig.supervisor.reread()
    rig.supervisor.end(signal.SIGTERM, within_s=60)
    assert [each.signals for each in rig.started] == [[signal.SIGHUP, signal.SIGTERM]] * 2
    over = asyncio.create_task(rig.supervisor.until_over())
    rig.started[0].end()
    await rig.settle()
    assert not over.done()
    rig.started[1].end(1)
    await over
    assert rig.supervisor.exit_code == 1 and len(rig.started) == 2


async def test_where_another_server_has_the_port_all_leave_it_and_the_supervisor_ends_with_their_calls() -> None:
    rig = Rig()
    await rig.supervisor.start()
    rig.supervisor.give_way()
    assert all(each.gave_way and not each.signals for each in rig.started)
    assert [told["leaving"] for told in rig.started[0].siblings] == [1, 1]
    over = asyncio.create_task(rig.supervisor.until_over())
    rig.started[0].end()
    await rig.after(60)
    assert not over.done() and len(rig.started) == 2, "none is started in its place"
    rig.started[1].end()
    await over
    assert rig.supervisor.exit_code == 0


async def test_what_has_not_ended_in_the_time_announced_is_killed() -> None:
    rig = Rig()
    await rig.supervisor.start()
    rig.supervisor.end(signal.SIGTERM, within_s=-0.2)
    await rig.supervisor.until_over()
    assert all(each.signals == [signal.SIGTERM, signal.SIGKILL] for each in rig.started)
    assert rig.supervisor.exit_code == 1
