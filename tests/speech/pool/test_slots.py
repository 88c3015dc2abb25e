"""Decodes that wait for an engine with room, in a pool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeClock, FakeEngine, FakePause
from virtual import run

from bridge.speech.api import (
    AsrCapabilities,
    EngineLost,
    Hypothesis,
    Overloaded,
    Request,
    Standing,
)
from bridge.speech.pool import Pool

SECOND = np.zeros(16_000, np.float32)
FINAL = Request(SECOND, final=True)
PARTIAL = Request(SECOND)
CALL, LIVE, FAST = Standing


def of(standing: Standing, session: str, request: Request = FINAL) -> Request:
    return replace(request, standing=standing, session=session)


async def settle() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


class Thread(FakeEngine):
    """An engine that decodes so many at once; each until the test lets it, also one that nobody wants any more."""

    def __init__(self, at_once: int = 1, backlog: int = 10) -> None:
        super().__init__(capabilities=AsrCapabilities(at_once=at_once, backlog=backlog))
        self.running: dict[str, asyncio.Event] = {}
        self.dead = False

    async def decode(self, request: Request, /) -> Hypothesis:
        self.requests.append(request)
        end = self.running[request.session] = asyncio.Event()
        waiting = asyncio.create_task(end.wait())
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            await waiting
            raise
        finally:
            del self.running[request.session]
        if self.dead:
            raise EngineLost("dead")
        return Hypothesis((request.session,), "English")

    @property
    def sessions(self) -> list[str]:
        """Whose decodes it got, in order."""
        return [request.session for request in self.requests]

    async def end(self, session: str) -> None:
        self.running[session].set()
        await settle()


class Desk:
    """A pool with decodes that are under way."""

    def __init__(self, engine: Thread, clock_s: Callable[[], float] | None = None) -> None:
        self.engine, self.clock = engine, FakeClock()
        self.pool = Pool([engine], timeout_s=60, clock_s=clock_s or self.clock, pause=FakePause())
        self.tasks: dict[str, asyncio.Task[Hypothesis]] = {}

    async def ask(self, request: Request) -> asyncio.Task[Hypothesis]:
        await self.ask_all(request)
        return self.tasks[request.session]

    async def ask_all(self, *requests: Request) -> None:
        for request in requests:
            self.tasks[request.session] = asyncio.create_task(self.pool.decode(request))
            await settle()

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        for event in self.engine.running.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        await settle()
        self.pool.close()


@pytest.fixture
async def one() -> AsyncIterator[Desk]:
    desk = Desk(Thread())
    yield desk
    await desk.close()


@pytest.fixture
async def two() -> AsyncIterator[Desk]:
    desk = Desk(Thread(at_once=2))
    yield desk
    await desk.close()


async def test_an_engine_gets_no_more_than_it_runs_at_once_and_the_rest_in_order(one: Desk) -> None:
    for standing, session in ((FAST, "a"), (LIVE, "b"), (LIVE, "c"), (CALL, "d")):
        await one.ask_all(of(standing, session))
    assert one.engine.sessions == ["a"]
    for session in "adbc":
        await one.engine.end(session)
    assert one.engine.sessions == ["a", "d", "b", "c"]
    assert (await one.tasks["c"]).text == "c"


async def test_the_wait_is_part_of_what_the_answer_tells(one: Desk) -> None:
    await one.ask_all(of(CALL, "a"))
    await one.ask_all(of(CALL, "b"))
    one.clock.advance(1.5)
    await one.engine.end("a")
    await one.engine.end("b")
    assert ((await one.tasks["a"]).queue_ms, (await one.tasks["b"]).queue_ms) == (0, 1500)


async def test_a_decode_given_up_keeps_its_slot_until_the_engine_is_done_with_it_and_its_caller_does_not_wait(
    one: Desk,
) -> None:
    given_up = await one.ask(of(CALL, "a"))
    given_up.cancel()
    await asyncio.wait([given_up], timeout=1)
    assert given_up.cancelled()
    await one.ask_all(of(CALL, "b"))
    assert one.engine.sessions == ["a"]
    await one.engine.end("a")
    assert one.engine.sessions == ["a", "b"]


async def test_a_decode_given_up_while_it_waits_is_never_asked_for(one: Desk) -> None:
    await one.ask_all(of(CALL, "a"))
    (await one.ask(of(CALL, "b"))).cancel()
    await settle()
    await one.ask_all(of(CALL, "c"))
    await one.engine.end("a")
    assert one.engine.sessions == ["a", "c"]


async def test_a_decode_given_up_in_the_moment_it_gets_its_engine_gives_it_back(one: Desk) -> None:
    await one.ask_all(of(CALL, "a"))
    waiting = await one.ask(of(CALL, "b"))
    await one.ask_all(of(CALL, "c"))
    one.engine.running["a"].set()
    while one.engine.running:  # noqa: ASYNC110 - turn by turn of the loop
        await asyncio.sleep(0)
    waiting.cancel()
    await settle()
    assert one.engine.sessions in (["a", "c"], ["a", "b"])
    for session in list(one.engine.running):
        await one.engine.end(session)
    assert one.engine.sessions[-1] == "c"


async def test_while_somebody_speaks_fast_audio_gets_half_of_an_engine(two: Desk) -> None:
    await two.ask_all(of(CALL, "call"))
    await two.engine.end("call")
    two.clock.advance(0.6)
    await two.ask_all(of(FAST, "a"))
    await two.ask_all(of(FAST, "b"))
    assert two.engine.sessions == ["call", "a"]
    await two.ask_all(of(LIVE, "live"))
    assert two.engine.sessions == ["call", "a", "live"]


@pytest.mark.virtual_time
async def test_beside_a_decode_for_somebody_who_speaks_none_begins_for_fast_audio_nor_just_after_it(two: Desk) -> None:
    await two.ask_all(of(CALL, "call"), of(FAST, "a"))
    assert two.engine.sessions == ["call"]
    await two.engine.end("call")
    assert two.engine.sessions == ["call"]
    two.clock.advance(0.6)
    await asyncio.sleep(0.6)
    assert two.engine.sessions == ["call", "a"]


async def test_fast_audio_gets_one_decode_in_eight_beside_calls_without_end(two: Desk) -> None:
    await two.ask_all(of(CALL, "0"), of(FAST, "a"))
    for number in range(1, 12):
        await two.ask_all(of(CALL, str(number)))
        await two.engine.end(str(number - 1))
    assert two.engine.sessions.index("a") == 8


async def test_with_nobody_who_speaks_fast_audio_gets_all_of_it(two: Desk) -> None:
    await two.ask_all(of(CALL, "call"))
    await two.engine.end("call")
    two.clock.advance(11)
    for session in "ab":
        await two.ask_all(of(FAST, session))
    assert two.engine.sessions == ["call", "a", "b"]


async def test_partials_are_refused_where_they_would_delay_finals_of_their_standing_or_a_better_one() -> None:
    desk = Desk(Thread(backlog=3))
    for session in "abc":
        await desk.ask_all(of(CALL, session))
    with pytest.raises(Overloaded):
        await desk.pool.decode(of(CALL, "late", PARTIAL))
    await desk.close()


async def test_partials_of_a_call_do_not_wait_for_finals_of_clients_nor_are_refused_for_them(one: Desk) -> None:
    for number in range(20):
        await one.ask_all(of(FAST, str(number)))
    partial = await one.ask(of(CALL, "call", PARTIAL))
    await one.engine.end("0")
    await one.engine.end("call")
    assert one.engine.sessions[:2] == ["0", "call"]
    assert partial.done()


async def test_a_partial_that_waits_for_half_its_time_is_refused() -> None:
    desk = Desk(Thread())
    await desk.ask_all(of(CALL, "a"))
    with pytest.raises(Overloaded):
        await desk.pool.decode(of(CALL, "b", replace(PARTIAL, timeout_s=0.04)))
    await desk.close()


async def test_who_waits_for_an_engine_that_dies_is_told(one: Desk) -> None:
    under_way, waiting = await one.ask(of(CALL, "a")), await one.ask(of(CALL, "b"))
    one.engine.dead = True
    await one.engine.end("a")
    for decode in under_way, waiting:
        with pytest.raises(EngineLost, match="dead"):
            await decode
    assert one.engine.sessions == ["a"]


def test_the_final_of_a_client_waits_for_as_long_as_calls_go_before_it_and_is_not_lost() -> None:
    async def wait() -> str:
        desk = Desk(Thread(), asyncio.get_running_loop().time)
        await desk.ask_all(of(CALL, "call"), of(FAST, "a", replace(FINAL, timeout_s=10)))
        await asyncio.sleep(3600)
        await desk.engine.end("call")
        assert not desk.engine.running, "the reply is made meanwhile"
        await asyncio.sleep(1)
        await desk.engine.end("a")
        text = (await desk.tasks["a"]).text
        await desk.close()
        return text

    assert run(wait()) == "a"


def test_the_final_of_a_call_waits_for_its_time_and_no_longer() -> None:
    async def wait() -> float:
        desk = Desk(Thread(), asyncio.get_running_loop().time)
        await desk.ask_all(of(CALL, "a"))
        with pytest.raises(Overloaded):
            await desk.pool.decode(of(CALL, "b", replace(FINAL, timeout_s=10)))
        waited_s = asyncio.get_running_loop().time()
        await desk.close()
        return waited_s

    assert run(wait()) == pytest.approx(10, abs=0.6)
