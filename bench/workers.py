"""What further workers carry: clean calls with 1, 2 and 4 of them, and how evenly callers are shared out.

    python bench/workers.py [--workers 1,2,4] [--sizes 8,10,12,14] [--hold 2]

The models are stubs, so that media is what is measured. Telephones need the same cores as the server, and this machine
may have two; so what limits a worker is its event loop: each call holds it for `--hold` ms of every 32, asleep,
as a call that costs so much would on a core of its own. `--hold 0` measures the machine as it is.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
import numpy as np
from figures import Row, show
from gauge import TICKS, late
from integration.recordings import FOLDER, prompts
from integration.server import Server, serve
from telephones import telephones

HERE: Final = Path(__file__).resolve().parent
FLAGS: Final = (
    *("--log-level", "INFO", "--no-input-timeout", "0", "--records", "none", "--max-calls", "400"),
    *("--load-final-wait", "0", "--load-loop-lag", "0"),
    *("--asr", "stubs:InstantAsr", "--tts", "stubs:InstantTts", "--bot", "stubs:Talker", "--vad", "stubs:CostlyVad"),
)
MAX_P95_MS: Final = 1500


def pids(server: Server) -> list[int]:
    """Return the processes that carry calls."""
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] or [pid]


def cpu_s(pid: int) -> float:
    """Return the CPU-seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def attempt(server: Server, said: list[Path], calls: int) -> Row:
    """Make so many calls at once; return what the callers noticed, and what they cost."""
    before, logged = [cpu_s(pid) for pid in pids(server)], len(server.output)
    began = asyncio.get_running_loop().time()
    made = await telephones(server.twilio, said, calls=calls, ramp_s=3.0)
    took_s = asyncio.get_running_loop().time() - began
    turns = [turn for figures in made for turn in figures["turns"]]
    heard = [turn["heard_ms"] for turn in turns if turn["heard_ms"] is not None]
    p95_ms = float(np.percentile(heard, 95)) if heard else 0.0
    gaps, missing = sum(figures["gaps"] for figures in made), calls - len(made) + len(turns) - len(heard)
    spent = [cpu_s(pid) - was for pid, was in zip(pids(server), before, strict=True)]
    wrong = [f"{gaps} gaps"] * bool(gaps) + [f"{missing} unanswered"] * bool(missing)
    wrong += [f"p95 {p95_ms:.0f} ms"] * (p95_ms > MAX_P95_MS)
    begun = [line for line in server.output[logged:] if " over twilio" in line]
    by_worker = [sum(f" #{number} " in line for line in begun) for number in range(1, len(spent) + 1)]
    return {
        "p95 ms": round(p95_ms),
        "CPU-s a call": round(sum(spent) / calls, 2),
        "busiest worker, of a core": round(max(spent) / took_s, 2),
        "calls of each": "/".join(map(str, by_worker)) if len(spent) > 1 else str(calls),
        "unclean": ", ".join(wrong),
        "note": late([figures["late_p99_ms"] for figures in made]),
    }


async def clean_calls(workers: int, sizes: list[int], said: list[Path], hold_ms: float) -> int:
    """Return the largest number of calls that was clean."""
    environment = {"PYTHONPATH": str(HERE), "BENCH_HOLD_MS": str(hold_ms)}
    clean = 0
    async with serve(*FLAGS, "--workers", str(workers), env=environment, code=None) as server:
        for calls in (size * workers for size in sizes):
            row = await attempt(server, said, calls)
            show({f"{workers} workers, {calls} calls": row})
            if row["unclean"]:  # once more: something else on the machine may have had the cores
                row = await attempt(server, said, calls)
                show({f"{workers} workers, {calls} calls, again": row})
            if row["unclean"]:
                break
            clean = calls
    return clean


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", default="1,2,4")
    parser.add_argument("--sizes", default="8,10,12,14", help="calls at once for each worker")
    parser.add_argument("--turns", type=int, default=2, help="recordings that each caller says")
    parser.add_argument("--hold", type=float, default=2.0, metavar="MS")
    flags = parser.parse_args()
    sizes, counts = [int(n) for n in flags.sizes.split(",")], [int(n) for n in flags.workers.split(",")]
    said = [FOLDER / f"{each.name}.wav" for each in prompts(flags.turns)]
    print(f"{os.cpu_count()} cores, each call holds the loop {flags.hold:g} ms of 32", flush=True)
    clean = {workers: await clean_calls(workers, sizes, said, flags.hold) for workers in counts}
    base = clean[counts[0]] or 1
    for workers, calls in clean.items():
        print(f"{workers} workers: {calls} clean calls, {calls / base:.2f} of one")


if __name__ == "__main__":
    asyncio.run(main())
