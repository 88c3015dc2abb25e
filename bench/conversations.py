"""Conversations at the same time: python bench/conversations.py [--calls 80,100,150] [--json FILE]

The real models and the echo bot; callers telephone over the Twilio wire from two other processes, on the same cores.
They begin within ten seconds and say four recordings each, the next when the answer has been heard out. A size takes
about a minute, and is tried whatever became of the one before. The machine must be quiet: see the load.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from figures import announce, keep, machine
from gauge import Results, Row, late, spread, usage
from integration.recordings import FOLDER, prompts
from integration.server import Server, serve
from telephones import telephones

RAMP_S: Final = 10.0
TURNS: Final = 4
MAX_P95_MS: Final = 1000
FLAGS: Final = (
    *("--log-level", "WARNING", "--no-input-timeout", "0", "--max-calls", "1000"),
    *("--load-final-wait", "0", "--load-loop-lag", "0"),  # too much load is measured, not refused
)


def recordings() -> list[Path]:
    """Return recordings of single sentences: what is told apart by a pause may be answered in it."""
    single = (each.name for each in prompts(60, shortest_s=1.3, longest_s=5.0) if "." not in each.text.rstrip(" ."))
    return [FOLDER / f"{name}.wav" for name in single]


async def attempt(server: Server, calls: int) -> Row:
    """Hold so many conversations; return what the callers noticed. `unclean` is "" where that was nothing."""
    before = usage(server)
    made = await telephones(server.twilio, recordings()[:TURNS], calls=calls, ramp_s=RAMP_S)
    return noticed(made, calls=calls, cpu_s=usage(server).cpu_s - before.cpu_s)


def noticed(made: list[dict[str, Any]], *, calls: int, cpu_s: float) -> Row:
    """Return what the callers of `calls` calls noticed, of which those in `made` came about."""
    turns = [turn for figures in made for turn in figures["turns"]]
    heard = [turn["heard_ms"] for turn in turns if turn["heard_ms"] is not None]
    gaps, never = sum(figures["gaps"] for figures in made), calls * TURNS - len(heard)
    p95_ms = float(np.percentile(heard, 95)) if heard else 0.0
    wrong = (f"{gaps} gaps", gaps), (f"{never} never answered", never), (f"p95 {p95_ms:.0f} ms", p95_ms > MAX_P95_MS)
    minutes = sum(figures["timeline"][-1]["at_ms"] for figures in made if figures["timeline"]) / 60_000
    return {
        **{f"heard {key}": value for key, value in spread(heard).items()},
        "too early": sum(ms < 0 for ms in heard),
        "gaps": gaps,
        "never answered": never,
        "CPU-s a call-minute": round(cpu_s / max(minutes, 1e-9), 2),
        "unclean": ", ".join(what for what, counts in wrong if counts),
        "note": late([figures["late_p99_ms"] for figures in made]),
    }


async def run(sizes: list[int]) -> Results:
    """Hold as many conversations as each of `sizes`, one size after the other."""
    results: Results = {}
    async with serve(*FLAGS, code=None) as server:
        await telephones(server.twilio, recordings()[:1], calls=1, ramp_s=0.0)  # warms up
        for calls in sizes:
            row = await attempt(server, calls)
            results[f"{calls} conversations at once"] = row
            line = "  ".join(f"{name} {value}" for name, value in row.items() if value != "")
            print(f"{calls:>4} at once, load {os.getloadavg()[0]:.1f}  {line}", flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", default="80,100,150", metavar="N,N", help="conversations at once (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    flags = parser.parse_args()
    about = machine()
    announce(about)
    results = asyncio.run(run([int(size) for size in flags.calls.split(",")]))
    keep(flags.json, about, results)


if __name__ == "__main__":
    main()
