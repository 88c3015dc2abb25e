"""A region of 1,000 bridges and 200 recognisers, simulated: what finals wait, which calls are refused, what it costs.

    python bench/simulate_region.py                    a day, two nodes' deaths, the small cluster (three minutes)
    python bench/simulate_region.py --small            the small cluster alone, simulated and real: 40 s
    python bench/simulate_region.py --bridges 3 --replicas 4 --engine 4090 --callers 60

Assumptions, beside those of bench/region.py:
- A replica is one server of Qwen3-ASR 1.7B: `h200` and `4090` are figures of others for clips of 4.7 s (sglang-omni
  issues 1887 and 1151); none was measured here. A partial costs what a final does: the host limits, not the length.
- A decode costs 4 ms beside the engine: network and HTTP (docs/vllm.md: 0.5 ms of CPU at each end).
- A bridge has 50 lines: with media alone 60 clean calls were measured on a core (docs/performance.md).
- Calls come at random, last 2 min, speak 3 s at a time and not for 5.5 s; shares of the day are those of a call centre.
  Each hour is simulated for some seconds of its steady state; incidents happen at the peak.
- Prices are a guess, in a unit a hour: 3.0 a GPU, 0.05 a core; a bridge has two cores.
- A machine that dies answers nothing: 2 s until what was asked there is asked elsewhere.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from figures import Results, Row, show, spread
from region import Engine, Region, Talk

from bridge.speech.api import AsrCapabilities, Hypothesis, Request
from bridge.speech.pool import Pool

ENGINES: Final = {
    "h200": Engine(curve=((0, 0), (1, 15.4), (8, 103), (32, 196), (64, 238)), at_once=128),
    "4090": Engine(curve=((0, 0), (1, 10.5), (8, 45), (16, 65)), at_once=128),
}
DAY: Final = (6, 4, 3, 3, 4, 7, 15, 32, 62, 88, 98, 100, 92, 90, 94, 93, 88, 80, 66, 50, 38, 26, 16, 9)
"""Calls on the line in each hour, in hundredths of the peak."""
OVERHEAD_S: Final = 0.004
GPU_PRICE: Final = 3.0
CORE_PRICE: Final = 0.05
CORES: Final = 2
TARGET: Final = 16
"""Decodes in hand that the autoscaler wants of a replica (config/kubernetes/overlays/vllm/asr-hpa.yaml)."""
WARM_S: Final = 8.0
Asked = Sequence[tuple[float, int]]
"""When finals are asked for, and by which bridge."""


def settled(region: Region, calls: int, talk: Talk) -> None:
    """Have so many calls on the line, each somewhere in the middle, and as many come as go."""
    for _ in range(calls):
        region.call(phase_s=region.dice.uniform(0, talk.reply_s + talk.speech_s))
    region.look_at_load()


def waits(region: Region, since_s: float, until_s: float = float("inf")) -> Row:
    """Return what finals took that were answered in that time, in milliseconds."""
    took = [1000 * took for at, took in region.told.finals_s if since_s <= at < until_s]
    return {**spread(took, "final ms "), "p99 ms": round(float(np.percentile(took, 99))) if took else 0}


# ---------------------------------------------------------------- a day


def hour(arguments: argparse.Namespace, calls: int, *, window_s: float) -> tuple[Row, float]:
    """Return what an hour with so many calls is like, and the decodes a second."""
    talk = Talk()
    region = made(arguments, talk)
    settled(region, calls, talk)
    region.calls_come(calls / talk.call_s, WARM_S + window_s)
    region.run(WARM_S)
    before, offered, refused = region.told.decodes, region.told.offered, region.told.refused
    region.run(WARM_S + window_s)
    a_second = (region.told.decodes - before) / window_s
    row: Row = {
        "calls": calls,
        "decodes/s": round(a_second),
        "a replica": round(a_second / arguments.replicas, 1),
        **waits(region, WARM_S),
        "refused %": percent(region.told.refused - refused, region.told.offered - offered),
    }
    return row, a_second


def made(arguments: argparse.Namespace, talk: Talk) -> Region:
    return Region(
        bridges=arguments.bridges,
        replicas=arguments.replicas,
        engine=ENGINES[arguments.engine],
        lines=arguments.lines,
        talk=talk,
        overhead_s=OVERHEAD_S,
        router=arguments.router,
        seed=arguments.seed,
    )


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def day(arguments: argparse.Namespace) -> None:
    """Print each hour, and what the day costs with all there is and with what the autoscalers would keep."""
    engine, most = ENGINES[arguments.engine], peak(arguments)
    fixed = kept = 0.0
    a_bridge = CORES * CORE_PRICE
    for number, share in enumerate(DAY[:: arguments.every]):
        calls = round(most * share / 100)
        row, a_second = hour(arguments, calls, window_s=arguments.window)
        replicas = min(arguments.replicas, max(2, -int(-a_second // engine.a_second(TARGET))))
        bridges = min(arguments.bridges, max(2, -int(-calls // (arguments.lines * 2 // 3))))
        fixed += arguments.every * (arguments.replicas * GPU_PRICE + arguments.bridges * a_bridge)
        kept += arguments.every * (replicas * GPU_PRICE + bridges * a_bridge)
        show({f"{number * arguments.every:02d}:00": {**row, "autoscaled": f"{bridges} + {replicas}"}})
    show({"a day": {"all of it": round(fixed), "autoscaled": round(kept), "a call-minute": minute(kept, most)}})


def minute(cost: float, most: int) -> str:
    minutes = sum(most * share / 100 * 60 for share in DAY)
    return f"{100 * cost / minutes:.3f} hundredths"


def peak(arguments: argparse.Namespace) -> int:
    return int(arguments.callers or arguments.bridges * arguments.lines * 2 // 3)


# ---------------------------------------------------------------- what dies


def incident(arguments: argparse.Namespace, what: str, *, seconds: float = 30.0) -> None:
    """Print the peak before, at and after the death of a tenth of the replicas, or of the bridges."""
    talk, calls = Talk(), peak(arguments)
    region = made(arguments, talk)
    settled(region, calls, talk)
    end_s = WARM_S + 5 + seconds
    region.calls_come(calls / talk.call_s, end_s)
    region.run(WARM_S + 5)
    dying = range(max(1, (arguments.replicas if what == "replicas" else arguments.bridges) // 10))
    (region.lose_replicas if what == "replicas" else region.lose_bridges)(dying, back_s=120)
    refused, offered, at_s = region.told.refused, region.told.offered, region.now_s
    region.run(end_s)
    show(
        {
            f"before {len(dying)} {what} die": waits(region, WARM_S, at_s),
            "the next 5 s": waits(region, at_s, at_s + 5),
            "after that": {
                **waits(region, at_s + 5),
                "longest ms": round(1000 * max(took for at, took in region.told.finals_s if at >= at_s)),
                "calls cut": region.told.cut,
                "refused %": percent(region.told.refused - refused, region.told.offered - offered),
            },
        }
    )


# ---------------------------------------------------------------- the small cluster, simulated and real


class TimedAsr:
    """An engine whose decodes take so long, some at once; the others wait in it."""

    def __init__(self, name: str, run_s: float, *, at_once: int, tells: bool) -> None:
        """`tells`: the pool knows how many it runs at once, so that decodes wait there."""
        self.name, self._run_s = name, run_s
        self.capabilities = AsrCapabilities(backlog=8, at_once=at_once if tells else None)
        self._slots = asyncio.Semaphore(at_once)

    async def decode(self, request: Request, /) -> Hypothesis:
        async with self._slots:
            await asyncio.sleep(self._run_s)
        return Hypothesis(("x",), "English")

    async def healthy(self) -> bool:
        return True

    def close(self) -> None:
        pass


def arrivals(a_second: float, seconds: float, bridges: int, seed: int) -> list[tuple[float, int]]:
    """Return when finals are asked for, and by which bridge."""
    dice, at_s, found = random.Random(seed), 0.0, list[tuple[float, int]]()
    while (at_s := at_s + dice.expovariate(a_second)) < seconds:
        found.append((at_s, dice.randrange(bridges)))
    return found


async def real(asked: Asked, bridges: int, replicas: int, run_s: float, *, tells: bool) -> list[float]:
    """Return the milliseconds of each final, through the bridge's own pools and real engines of that time."""
    engines = [TimedAsr(f"asr-{number}", run_s, at_once=1, tells=tells) for number in range(replicas)]
    pools = [Pool(engines, timeout_s=30) for _ in range(bridges)]
    audio, took = np.zeros(16_000, np.float32), list[float]()
    begun_s = time.perf_counter()

    async def ask(number: int, bridge: int) -> None:
        asked_s = time.perf_counter()
        await pools[bridge].decode(Request(audio, final=True, timeout_s=30, key=str(number)))
        took.append(1000 * (time.perf_counter() - asked_s))

    async with asyncio.TaskGroup() as tasks:
        for number, (at_s, bridge) in enumerate(asked):
            await asyncio.sleep(max(0.0, begun_s + at_s - time.perf_counter()))
            tasks.create_task(ask(number, bridge))
    return took


def simulated(
    asked: Asked,
    bridges: int,
    replicas: int,
    run_s: float,
    *,
    tells: bool,
    router: bool = False,
    overhead_s: float = 0.0,
) -> list[float]:
    """Return the same from the model."""
    engine = Engine.timed(run_s, waits_in_bridge=tells)
    region = Region(bridges=bridges, replicas=replicas, engine=engine, router=router, overhead_s=overhead_s)
    for at_s, bridge in asked:
        region.at(at_s, partial(region.ask, bridge, final=True))
    region.run(asked[-1][0] + 60)
    return [1000 * each for _, each in region.told.finals_s]


def apart(simulated: Sequence[float], real: Sequence[float]) -> Row:
    """Return how much longer the model says that finals take than they did, in percent."""
    found: Row = {}
    for point in (50, 95):
        ours, theirs = (float(np.percentile(took, point)) for took in (simulated, real))
        found[f"p{point} apart %"] = round(100 * (ours / theirs - 1), 1)
    return found


def small(seconds: float, seed: int) -> Results:
    """Print and return how far the model and a real pool of engines of known time are apart: p50 and p95 of finals."""
    results: Results = {}
    for bridges, replicas, load, tells in ((1, 4, 0.7, True), (3, 4, 0.6, False)):
        run_s = 0.15
        asked = arrivals(load * replicas / run_s, seconds, bridges, seed)
        row: Row = {}
        both = {
            "simulated": simulated(asked, bridges, replicas, run_s, tells=tells),
            "real": asyncio.run(real(asked, bridges, replicas, run_s, tells=tells)),
        }
        for name, took in both.items():
            row |= spread(took, f"{name} ms ")
        row |= apart(**both)
        if not tells:
            routed = simulated(asked, bridges, replicas, run_s, tells=tells, router=True)
            row |= spread(routed, "simulated on Ray ms ")
        results[f"{bridges} bridges, {replicas} replicas, load {load}"] = row
    show(results)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bridges", type=int, default=1000)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--lines", type=int, default=50, help="of a bridge")
    parser.add_argument("--engine", choices=ENGINES, default="h200")
    parser.add_argument("--callers", type=int, default=0, help="at the peak; 0: two thirds of all lines")
    parser.add_argument("--router", action="store_true", help="replicas are chosen as in a pool on Ray")
    parser.add_argument("--every", type=int, default=3, help="hours of the day that are simulated: each n-th")
    parser.add_argument("--window", type=float, default=6.0, help="seconds of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="only the small cluster, simulated and real")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the small cluster")
    arguments = parser.parse_args()
    small(arguments.seconds, arguments.seed)
    if not arguments.small:
        day(arguments)
        incident(arguments, "replicas")
        incident(arguments, "bridges")


if __name__ == "__main__":
    main()
