"""The pool on a real Ray cluster of three nodes, with an engine of known service time, asked as calls ask it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pytest
import pytest_asyncio
from integration.ray_cluster import TIMED, RayCluster, pid_in, ray_cluster

from bridge.speech.api import BadRequest, DeadlineExceeded, EngineFailed, Hypothesis, Overloaded, Request
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions
from bridge.speech.pool import Pool

pytest.importorskip("ray", reason="Ray is in an environment of its own: make test-ray")

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(200)]

RUN_S = 0.02
CALLERS = 20
SECOND = np.zeros(16_000, np.float32)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(2) as cluster:
        cluster.pool(*TIMED, "--asr-model-path", str(RUN_S), "--replicas", "3")
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asr(cluster: RayCluster) -> AsyncIterator[RayAsr]:
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=cluster.address, app="asr"))
    yield asr
    await asyncio.to_thread(asr.close)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(asr: RayAsr) -> AsyncIterator[Pool]:
    yield Pool([asr], timeout_s=5)


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Shows a line of what was measured."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")

    return show


@dataclass
class Heard:
    """What callers got."""

    said: int = 0
    finals: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    answered_by: set[int] = field(default_factory=set)

    def check(self) -> None:
        assert len(self.finals) == self.said
        assert len(set(self.finals)) == self.said

    def told(self, what: str) -> str:
        waits = sorted(1000 * wait for wait in self.waits_s)
        p50, p95 = waits[len(waits) // 2], waits[int(0.95 * len(waits))]
        return f"{what}: {self.said} finals, wait p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {waits[-1]:.0f} ms"


async def caller(pool: Pool, number: int, heard: Heard, *, until_s: float) -> None:
    """Say one utterance after the other: two partials a quarter of a second apart, and the final."""
    turn = 0
    await asyncio.sleep(0.05 * number)
    while time.monotonic() < until_s:
        turn, heard.said = turn + 1, heard.said + 1
        key = f"call-{number}-{turn}"
        for seconds in (0.5, 1.0):
            partial = Request(np.zeros(int(16_000 * seconds), np.float32), key=key, session=str(number), timeout_s=5)
            with suppress(EngineFailed):  # the next makes up for it
                await pool.decode(partial)
            await asyncio.sleep(0.25)
        begun = time.monotonic()
        audio = np.zeros(24_000, np.float32)
        hypothesis = await pool.decode(Request(audio, final=True, key=key, session=str(number), timeout_s=10))
        heard.waits_s.append(time.monotonic() - begun)
        assert hypothesis.cached_tokens == len(audio)
        assert hypothesis.text.split()[0] == key
        heard.finals.append(key)
        heard.answered_by.add(pid_in(hypothesis.text))


async def calls(pool: Pool, *, seconds: float, number: int = CALLERS) -> Heard:
    heard, until_s = Heard(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as talking:
        for each in range(number):
            talking.create_task(caller(pool, each, heard, until_s=until_s))
    heard.check()
    return heard


async def begun(asr: RayAsr) -> int:
    """Return how many decodes all replicas have begun."""
    answers = [(await asr.decode(Request(SECOND, key=f"count-{n}"))).text for n in range(16)]
    return sum({pid_in(answer): int(answer.split()[1]) for answer in answers}.values())


async def test_an_utterance_stays_with_one_replica_and_different_ones_use_them_all(asr: RayAsr) -> None:
    by = {
        key: {pid_in((await asr.decode(Request(SECOND, key=key))).text) for _ in range(3)}
        for key in (f"utterance-{n}" for n in range(12))
    }
    assert all(len(pids) == 1 for pids in by.values())
    assert len(set[int]().union(*by.values())) == 3


async def test_what_a_decode_says_arrives_whole_by_value_and_by_reference(asr: RayAsr) -> None:
    for seconds in (0.5, 10, 70):
        audio = np.zeros(int(16_000 * seconds), np.float32)
        hypothesis = await asr.decode(Request(audio, key=f"long-{seconds}", final=True))
        assert hypothesis.cached_tokens == len(audio)
        assert (hypothesis.language, hypothesis.engine) == ("English", "ray-asr")


async def test_bad_requests_are_refused_there_too_and_cost_nothing_else(asr: RayAsr) -> None:
    with pytest.raises(BadRequest, match="NaN"):
        await asr.decode(Request(np.full(16_000, np.nan, np.float32)))
    assert await asr.healthy()


async def test_what_is_late_or_cancelled_never_begins(asr: RayAsr) -> None:
    """Three replicas take 0.8 s for 120 decodes: some are answered in half of it, and then they are free."""
    requests = [asr.decode(Request(SECOND, key=f"late-{n}", final=True, timeout_s=0.4)) for n in range(120)]
    outcomes = await asyncio.gather(*requests, return_exceptions=True)
    late = [each for each in outcomes if isinstance(each, DeadlineExceeded)]
    assert len(late) + sum(isinstance(each, Hypothesis) for each in outcomes) == 120
    assert late
    before = await begun(asr)
    gone = [asyncio.create_task(asr.decode(Request(SECOND, key=f"gone-{n}", final=True))) for n in range(120)]
    await asyncio.sleep(0.1)
    for task in gone:
        task.cancel()
    await asyncio.wait(gone)
    assert await begun(asr) - before < 120  # with those that count them


async def test_finals_go_before_partials_that_came_first(asr: RayAsr) -> None:
    order: list[bool] = []

    async def ask(number: int, *, final: bool) -> None:
        with suppress(Overloaded):  # a partial, where the replicas are not evenly loaded
            await asr.decode(Request(SECOND, key=f"order-{number}", final=final))
            order.append(final)

    asked = [ask(n, final=n >= 9) for n in range(12)]  # at once, the finals last: each replica gets some of both
    await asyncio.gather(*asked)
    assert sum(order) == 3
    assert not order[-1]


async def test_no_final_is_lost_or_comes_twice_while_a_replica_is_killed(
    pool: Pool, record: Callable[[str], None]
) -> None:
    quiet = await calls(pool, seconds=2)
    victim = pid_in((await pool.decode(Request(SECOND, key="call-1-1", final=True))).text)
    talking = asyncio.create_task(calls(pool, seconds=3))
    await asyncio.sleep(1)
    os.kill(victim, signal.SIGKILL)
    heard = await talking
    record(quiet.told("quiet"))
    record(heard.told("a replica is killed"))
    assert max(heard.waits_s) < 2
    assert victim in quiet.answered_by


async def test_no_final_is_lost_while_a_node_dies(
    cluster: RayCluster, pool: Pool, record: Callable[[str], None]
) -> None:
    talking = asyncio.create_task(calls(pool, seconds=3))
    await asyncio.sleep(1)
    await asyncio.to_thread(cluster.kill_node)
    heard = await talking
    record(heard.told("a node dies"))
    assert max(heard.waits_s) < 6
