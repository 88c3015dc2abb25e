"""What a pool on Ray Serve carries: `make bench-scale`. Its engine sleeps: so two cores suffice for eight replicas.

Four tables: what Ray adds to a decode, by the length of its audio; what one bridge can feed at most, which asks
replicas that answer at once; finals a second, and how long they take, with 1, 2, 4 and 8 replicas; and finals at the
same times on the cluster and in bench/region.py, from one bridge and from two, each with a process of its own on Ray.
"""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from figures import Results, Row, keep, machine, show, spread
from integration.ray_cluster import TIMED, RayCluster, ray_cluster
from simulate_region import Asked, apart, arrivals, simulated

from bridge.speech.api import SAMPLE_RATE, Hypothesis, Request
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions
from bridge.speech.pool import Pool

RUN_S: Final = 0.1
"""Of a decode of the engine in the table of replicas; what a GPU takes for an utterance when it is busy."""
SECONDS: Final = (1, 3, 5, 10, 20, 30)
REPLICAS: Final = (1, 2, 4, 8)
LOAD: Final = 0.7
"""Finals that come at random times, as a share of what the replicas can do."""
MODELLED: Final = ((1, 2, 0.7), (1, 4, 0.7), (2, 4, 0.7), (2, 4, 0.85))
"""Bridges, replicas and load of the comparison with the model."""
MODELLED_RUN_S: Final = 0.2
"""Of a decode there: so long that what else the machine does is a small part of it."""
TICKS: Final = os.sysconf("SC_CLK_TCK")

Decode = Callable[[Request], Awaitable[Hypothesis]]


def final(seconds: float, key: str) -> Request:
    return Request(np.zeros(int(SAMPLE_RATE * seconds), np.float32), final=True, key=key)


async def timed_ms(decode: Decode, request: Request) -> float:
    begun = time.perf_counter()
    await decode(request)
    return 1000 * (time.perf_counter() - begun)


async def overhead(decode: Decode, seconds: float, *, count: int) -> Row:
    """Ask one after the other, of an engine that takes no time."""
    took = [await timed_ms(decode, final(seconds, f"alone-{n % 8}")) for n in range(count + 20)]
    return {**spread(took[20:], "ms "), "kB": round(4 * SAMPLE_RATE * seconds / 1000)}


async def saturated(decode: Decode, *, at_once: int, seconds: float) -> float:
    """Return finals a second with so many asked at any time."""
    done, end = 0, time.perf_counter() + seconds

    async def ask(number: int) -> None:
        nonlocal done
        turn = 0
        while time.perf_counter() < end:
            await decode(final(3, f"busy-{number}-{turn}"))
            turn, done = turn + 1, done + (time.perf_counter() < end)

    await asyncio.gather(*map(ask, range(at_once)))
    return done / seconds


async def arriving(decode: Decode, *, a_second: float, seconds: float) -> list[float]:
    """Return the milliseconds that each final took, of those that come at random times."""
    dice, took = random.Random(1), list[float]()

    async def ask(number: int) -> None:
        took.append(await timed_ms(decode, final(3, f"random-{number}")))

    async with asyncio.TaskGroup() as asking:
        end, number = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            asking.create_task(ask(number))
            number += 1
            await asyncio.sleep(dice.expovariate(a_second))
    return took


def asked(*, a_second: float, seconds: float) -> Asked:
    """Return when `arriving` asks, if no sleep of its own is late; all by one bridge."""
    dice, at_s, found = random.Random(1), 0.0, list[tuple[float, int]]()
    while at_s < seconds:
        found.append((at_s, 0))
        at_s += dice.expovariate(a_second)
    return found


def ideal(finals: Asked, replicas: int) -> list[float]:
    """Return what these finals take where the next free replica costs nothing: a queue with so many servers."""
    free_s, took = [0.0] * replicas, list[float]()
    for at_s, _ in finals:
        first = min(range(replicas), key=free_s.__getitem__)
        free_s[first] = max(free_s[first], at_s) + RUN_S
        took.append(1000 * (free_s[first] - at_s))
    return took


async def scaling(pool: Pool, replicas: int, *, overhead_ms: float, seconds: float) -> Row:
    a_second = LOAD * replicas / RUN_S
    most = await saturated(pool.decode, at_once=3 * replicas, seconds=seconds)
    took = await arriving(pool.decode, a_second=a_second, seconds=seconds)
    finals = asked(a_second=a_second, seconds=seconds)
    model = simulated(finals, 1, replicas, RUN_S, tells=False, router=True, overhead_s=overhead_ms / 1000)
    best = spread(ideal(finals, replicas), "of an ideal queue ") | spread(model, "of the model ")
    return {
        "finals/s": round(most, 1),
        "of linear": round(most * RUN_S / replicas, 3),
        **spread(took, "ms at 0.7 "),
        **{name: value for name, value in best.items() if not name.endswith(" n")},
        **apart(model, took),
    }


async def asked_at(finals: Asked, pools: Sequence[Pool]) -> list[float]:
    """Return the milliseconds of each final, asked for at those times by those bridges."""
    took, begun_s = list[float](), time.perf_counter()

    async def ask(number: int, bridge: int) -> None:
        took.append(await timed_ms(pools[bridge].decode, final(3, f"modelled-{number}")))

    async with asyncio.TaskGroup() as asking:
        for number, (at_s, bridge) in enumerate(finals):
            await asyncio.sleep(max(0.0, begun_s + at_s - time.perf_counter()))
            asking.create_task(ask(number, bridge))
    return took


async def modelled(
    pools: Sequence[Pool], bridges: int, replicas: int, load: float, *, overhead_ms: float, seconds: float
) -> Row:
    """Return what finals take on the cluster, and in the model of a region. Both get the same at the same times."""
    finals = arrivals(load * replicas / MODELLED_RUN_S, seconds, bridges, seed=1)
    overhead_s = overhead_ms / 1000
    real = await asked_at(finals, pools)
    model = simulated(finals, bridges, replicas, MODELLED_RUN_S, tells=False, router=True, overhead_s=overhead_s)
    return {**spread(real, "Ray ms "), **spread(model, "model ms "), **apart(model, real)}


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def feeding(asr: RayAsr, pool: Pool, *, at_once: int, seconds: float) -> Row:
    """Ask replicas that answer at once, and count what this process and its process on Ray work for it."""
    before = time.process_time(), cpu_s(asr.pid or 0)
    rate = await saturated(pool.decode, at_once=at_once, seconds=seconds)
    bridge_s, ray_s = time.process_time() - before[0], cpu_s(asr.pid or 0) - before[1]
    decodes = max(1.0, rate * seconds)
    return {
        "decodes/s": round(rate),
        "CPU-ms a decode, bridge": round(1000 * bridge_s / decodes, 2),
        "its process on Ray": round(1000 * ray_s / decodes, 2),
    }


class Bench:
    """A cluster, bridges that ask it, and what they found."""

    def __init__(self, cluster: RayCluster, *, quick: bool) -> None:
        self._cluster, self._quick = cluster, quick
        self.results: Results = {}

    async def deploy(self, run_s: float, replicas: int, *asked_by: RayAsr) -> None:
        flags = ("--asr-model-path", str(run_s), "--replicas", str(replicas), "--cpus", "0.5")
        await asyncio.to_thread(self._cluster.pool, *TIMED, *flags)
        for asr in asked_by:
            await asr.healthy()  # it counts the replicas

    def _note(self, title: str, row: Row) -> None:
        self.results[title] = row
        show({title: row})

    async def measure(self, *, only_model: bool) -> None:
        await self.deploy(0, 2)
        options = PoolOptions(address=self._cluster.address, app="asr")
        asrs = [await asyncio.to_thread(RayAsr, options) for _ in range(2)]
        pools = [Pool([asr], timeout_s=30) for asr in asrs]
        try:
            overhead_ms = await self._overheads(asrs[0], lengths=(3,) if only_model else SECONDS)
            if not only_model:
                await self._throughput(asrs[0], pools[0], overhead_ms)
            await self._against_model(asrs, pools, overhead_ms)
        finally:
            for pool in pools:
                await asyncio.to_thread(pool.close)

    async def _overheads(self, asr: RayAsr, *, lengths: Sequence[int]) -> float:
        """Return the median that is added to 3 s, in milliseconds."""
        count, added_ms = 100 if self._quick else 400, dict[int, float]()
        for length in lengths:
            took = await overhead(asr.decode, length, count=count)
            self._note(f"added by Ray, {length} s of audio", took)
            added_ms[length] = float(took["ms p50"])
        return added_ms[3]

    async def _throughput(self, asr: RayAsr, pool: Pool, overhead_ms: float) -> None:
        seconds = 4.0 if self._quick else 12.0
        for at_once in (1, 8, 32):
            row = await feeding(asr, pool, at_once=at_once, seconds=seconds)
            self._note(f"fed by one bridge, {at_once} at once", row)
        for replicas in REPLICAS:
            await self.deploy(RUN_S, replicas, asr)
            row = await scaling(pool, replicas, overhead_ms=overhead_ms, seconds=seconds)
            self._note(f"{replicas} replicas of {1000 * RUN_S:.0f} ms", row)

    async def _against_model(self, asrs: Sequence[RayAsr], pools: Sequence[Pool], overhead_ms: float) -> None:
        seconds = 20.0 if self._quick else 60.0
        for bridges, replicas, load in MODELLED:
            await self.deploy(MODELLED_RUN_S, replicas, *asrs)
            row = await modelled(pools, bridges, replicas, load, overhead_ms=overhead_ms, seconds=seconds)
            self._note(f"{bridges} bridges, {replicas} replicas, load {load}", row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the time")
    parser.add_argument("--only-model", action="store_true", help="only the model of a region beside the cluster")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    flags = parser.parse_args()
    with ray_cluster(1, cpus=max(REPLICAS)) as cluster:
        bench = Bench(cluster, quick=flags.quick)
        asyncio.run(bench.measure(only_model=flags.only_model))
    keep(flags.json, machine(), bench.results)


if __name__ == "__main__":
    main()
