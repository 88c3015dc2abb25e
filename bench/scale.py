"""What a pool on Ray Serve carries: `make bench-scale`. Its engine sleeps: so two cores suffice for eight replicas.

Three tables: what Ray adds to a decode, by the length of its audio; finals a second, and how long they take, with 1, 2,
4 and 8 replicas; and what one bridge can feed at most, which asks replicas that answer at once.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import numpy as np
from figures import Results, Row, machine, show, spread
from integration.ray_cluster import TIMED, RayCluster, ray_cluster

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


def ideal(*, replicas: int, a_second: float, seconds: float) -> list[float]:
    """Return what the same finals take where the next free replica costs nothing: a queue with so many servers."""
    dice, free_s, at_s, took = random.Random(1), [0.0] * replicas, 0.0, list[float]()
    while at_s < seconds:
        first = min(range(replicas), key=free_s.__getitem__)
        free_s[first] = max(free_s[first], at_s) + RUN_S
        took.append(1000 * (free_s[first] - at_s))
        at_s += dice.expovariate(a_second)
    return took


async def scaling(pool: Pool, replicas: int, *, seconds: float) -> Row:
    a_second = LOAD * replicas / RUN_S
    most = await saturated(pool.decode, at_once=3 * replicas, seconds=seconds)
    took = await arriving(pool.decode, a_second=a_second, seconds=seconds)
    best = spread(ideal(replicas=replicas, a_second=a_second, seconds=seconds), "of an ideal queue ")
    return {
        "finals/s": round(most, 1),
        "of linear": round(most * RUN_S / replicas, 3),
        **spread(took, "ms at 0.7 "),
        **{name: value for name, value in best.items() if not name.endswith("n")},
    }


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


async def measure(cluster: RayCluster, *, quick: bool) -> Results:
    def deploy(run_s: float, replicas: int) -> None:
        cluster.pool(*TIMED, "--asr-model-path", str(run_s), "--replicas", str(replicas), "--cpus", "0.5")

    results: Results = {}

    def note(title: str, row: Row) -> None:
        results[title] = row
        show({title: row})

    count, seconds = (100, 4.0) if quick else (400, 12.0)
    deploy(0, 2)
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=cluster.address, app="asr"))
    pool = Pool([asr], timeout_s=30)
    try:
        for length in SECONDS:
            note(f"added by Ray, {length} s of audio", await overhead(asr.decode, length, count=count))
        for at_once in (1, 8, 32):
            note(f"fed by one bridge, {at_once} at once", await feeding(asr, pool, at_once=at_once, seconds=seconds))
        for replicas in REPLICAS:
            await asyncio.to_thread(deploy, RUN_S, replicas)
            await asr.healthy()
            note(f"{replicas} replicas of {1000 * RUN_S:.0f} ms", await scaling(pool, replicas, seconds=seconds))
    finally:
        await asyncio.to_thread(pool.close)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    flags = parser.parse_args()
    with ray_cluster(1, cpus=max(REPLICAS)) as cluster:
        results = asyncio.run(measure(cluster, quick=flags.quick))
    if flags.json:
        flags.json.write_text(json.dumps({"machine": machine(), "results": results}, indent=1))


if __name__ == "__main__":
    main()
