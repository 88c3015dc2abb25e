"""How many calls at once stay clean: more and more of them, until one hears a gap or waits too long."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np
from gauge import Note, Row, hold, late, spread, usage
from integration.server import Server

from bridge.commands.call import load_test
from bridge.commands.recording import Recording

MAX_P95_MS: Final = 1500
"""End of speech to first audio heard; a caller who waits longer asks whether anybody is there."""

Attempt = Callable[[int], Awaitable[Row]]
"""Makes so many calls at once; what they noticed. `unclean` is "" where that was nothing."""


async def ramp(name: str, sizes: Sequence[int], attempt: Attempt, *, budget_s: float, note: Note) -> None:
    """Note each attempt and the largest clean one; stop at the first that is not, or when `budget_s` is spent.

    A telephone that was late itself makes no call unclean: its latencies are upper bounds, gaps are the server's.
    """
    clean, ended, deadline = 0, "none: there may be more", asyncio.get_running_loop().time() + budget_s
    for calls in sizes:
        if asyncio.get_running_loop().time() > deadline:
            ended = f"not tried: {calls}, out of time"
            break
        row = await attempt(calls)
        note({f"{calls} calls at once, {name}": row})
        if row["unclean"]:
            ended = f"{calls}: {row['unclean']}" + (f" ({row['note']})" if row["note"] else "")
            break
        clean = calls
    note({f"clean calls at once, {name}": {"n": clean, "limit": ended}})


async def converse(server: Server, said: Sequence[Recording], calls: int) -> Row:
    """Conversations: what each caller notices of the others."""
    before = usage(server)
    pairs = await load_test(server.twilio, said, calls=calls, ramp_s=3.0)
    done = [turn for figures, _ in pairs for turn in figures.turns]
    heard = [turn.heard_ms for turn in done if turn.heard_ms is not None]
    never, gaps = len(done) - len(heard), sum(figures.gaps for figures, _ in pairs)
    p95_ms = float(np.percentile(heard, 95)) if heard else 0.0
    faults = (
        f"{gaps} gaps" if gaps else "",
        f"{never} never answered" if never else "",
        f"p95 {p95_ms:.0f} ms" if p95_ms > MAX_P95_MS else "",
    )
    minutes = sum(len(record.caller) for _, record in pairs) / 8000 / 60
    return {
        **{f"heard {key}": value for key, value in spread(heard).items()},
        "gaps": gaps,
        "never answered": never,
        "CPU-s a call-minute": round((usage(server).cpu_s - before.cpu_s) / minutes, 2),
        "unclean": ", ".join(filter(None, faults)),
        "note": late([figures.late_p99_ms for figures, _ in pairs]),
    }


async def stream(server: Server, speech: bytes, calls: int, *, seconds: float) -> Row:
    """Audio without end in both directions: the media plane."""
    cpu_s, records = await hold(server, calls=calls, seconds=seconds, speech=speech)
    gaps = sum(record.count("gap") for record in records)
    silent = sum(record.first("audio-heard") is None for record in records)
    faults = (f"{gaps} gaps" if gaps else "", f"{silent} heard nothing" if silent else "")
    return {
        "gaps": gaps,
        "CPU-s a call-minute": round(cpu_s, 2),
        "unclean": ", ".join(filter(None, faults)),
        "note": late([float(np.percentile(record.late_ms, 99)) for record in records]),
    }
