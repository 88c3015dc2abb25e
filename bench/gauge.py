"""What the benchmarks of calls share: what a server uses, calls that are kept up, and figures of many values."""

import asyncio
import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from integration.server import Server

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.call_report import MAX_LATE_MS
from bridge.commands.phone.carrier_buffer import FRAME_MS
from bridge.commands.phone.simulated_phone import dial

TICKS: Final = os.sysconf("SC_CLK_TCK")

Row = dict[str, float | str]
Results = dict[str, Row]
Note = Callable[[Results], None]
"""Takes results as they come."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far."""

    cpu_s: float
    rss_mb: float


def usage(server: Server) -> Usage:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)


def spread(values: Sequence[float | None]) -> Row:
    known = [value for value in values if value is not None]
    if not known:
        return {"n": 0}
    return {
        "p50": round(statistics.median(known)),
        "p95": round(float(np.percentile(known, 95))),
        "max": round(max(known)),
        "n": len(known),
    }


def late(late_p99_ms: Sequence[float]) -> str:
    """Return how late this process was, where it was too late to tell the whole truth."""
    worst_ms = max(late_p99_ms, default=0.0)
    return f"telephone late {worst_ms:.0f} ms (p99)" if worst_ms > MAX_LATE_MS else ""


async def hold(server: Server, *, calls: int, seconds: float, speech: bytes = b"") -> tuple[float, list[CallRecord]]:
    """Keep `calls` calls up, silent or talking without end; return CPU-seconds a call-minute, and what they heard."""

    async def one(number: int) -> CallRecord:
        await asyncio.sleep(FRAME_MS / 1000 * number / calls)  # no two callers' frames leave at the same time
        async with dial(server.twilio, call_sid=f"CA{number:032d}") as phone:
            if speech:
                phone.babble(speech)
            await phone.until(lambda: phone.now_ms > seconds * 1000, timeout_s=seconds + 10)
        return phone.record

    before = usage(server)
    records = await asyncio.gather(*(one(number) for number in range(calls)))
    return (usage(server).cpu_s - before.cpu_s) / (calls * seconds / 60), records
