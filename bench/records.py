"""What the call log costs: python bench/records.py

CPU is that of the whole process, the database included where it is SQLite, and holds on a busy machine; the times of
searches need an idle one.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from random import Random

from bot.actions import Hangup
from bot.api import Final
from bridge.observer import CallObserver
from bridge.records import query
from bridge.records.database import Database
from bridge.records.journal import Journal
from bridge.records.keeper import Keeper
from bridge.records.query import Wanted

TURNS = 12
"""Of a call of two minutes."""
CALL_S = 120.0
WORDS = (
    "order number tomorrow address please delivery invoice the and my is was when could you tell me about account "
    "appointment Tuesday morning change cancel thank goodbye street payment card reference"
).split()


def told(
    journal: CallObserver,
    rng: Random,
    number: int,
    *,
    asks: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Tell `journal` a call of TURNS turns. `asks`: what encloses a request of the bot."""
    caller = f"+4917{rng.randrange(10**7):07}"
    journal.started({"call_id": f"CA{number:032x}", "wire": "twilio", "caller": caller, "callee": "+4930"})
    for turn in range(TURNS):
        journal.said(Final(" ".join(rng.choices(WORDS, k=9)), "English", turn * 9000, turn * 9000 + 3000))
        journal.speech_ended(ago_ms=400)
        journal.asked()
        with asks():
            journal.text_came()
        journal.made()
        for _ in range(40):
            journal.sent()
        journal.heard(ago_ms=2000)
        journal.spoke(" ".join(rng.choices(WORDS, k=14)), unheard="", played_ms=4000)
    journal.acted(Hangup("goodbye"))
    journal.ended("the bot hung up", fault="")


async def fill(database: Database, root: Path, calls: int) -> float:
    """Have `calls` calls kept; return the CPU seconds of it."""
    rng, began = Random(1), cpu()
    async with Keeper(database, root / "backlog", most_bytes=10**9, end_s=600) as keeper:
        for number in range(calls):
            told(Journal(keeper.put), rng, number)
            if number % 100 == 99:
                await asyncio.sleep(0.15)  # as calls do, and not all of them in one moment
    return cpu() - began


async def search_ms(search: Callable[[], Awaitable[Sequence[object]]], rounds: int = 9) -> tuple[float, int]:
    """Return the median milliseconds of `search`, and how many calls it finds."""
    took, found = list[float](), 0
    for _ in range(rounds):
        began = time.perf_counter()
        found = len(await search())
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), found


def cpu() -> float:
    """Return the CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main(calls: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database.at(url or f"sqlite:///{folder}/calls.db")
        await database.migrate()
        per_call_s = await fill(database, Path(folder), calls) / calls
        print(
            f"{calls} calls of {TURNS} turns and {CALL_S:g} s: {per_call_s * 1000:.1f} CPU ms a call, "
            f"{per_call_s / CALL_S * 60 * 1000:.1f} a call-minute"
        )
        searches = {
            "the newest 50": Wanted(),
            "a rare text": Wanted(text="reference reference reference"),
            "a text that is nowhere": Wanted(text="xylophone"),
            "a part of a number": Wanted(phone="+4917123"),
            "page 100": Wanted(before=str((await query.calls(database, Wanted(limit=500)))[-1]["record"])),
        }
        for name, wanted in searches.items():
            took_ms, found = await search_ms(partial(query.calls, database, wanted))
            print(f"{name:24} {took_ms:7.1f} ms, {found} calls")
        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--records", default="", help="the database, instead of a SQLite of its own")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.calls, arguments.records))
