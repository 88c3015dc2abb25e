"""Many calls, most of them with a fault, over all wires against one server: nothing grows, is lost or harms another.

    python bench/soak.py [--calls 2000] [--real 0.1] [--at-once 16] [--seed 1] [--json FILE]

Exit code 1 where a claim does not hold. Engines are instant for most calls and the shipped ones for a share of them.
docs/reliability.md says what is asserted.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from ari_server import PASSWORD, USER
from integration.recordings import recordings
from integration.server import Server, serve
from integration.sip_peers import free_port
from soaking.accounts import (
    Book,
    Call,
    Claim,
    Sample,
    Series,
    as_json,
    claims,
    process,
    scrape,
    sip_process,
    total,
)
from soaking.bots import LEDGER, REAL, Does, ident, sentences
from soaking.calls import KILLED, SUPPORT, Job, crowd, make, plan
from soaking.lines import Exchange, Place, open_line
from soaking.processor import ProcessorWatch

from bridge.commands.phone.simulated_phone import on_line
from bridge.server.lifecycle.memory import keep_for_good

MOST: Final = len(KILLED)
"""Calls that one job may be."""
WINDOWS: Final = 12
"""Times that the server is looked at, with nobody on the line."""
FLAGS: Final = (
    *("--log-level", "WARNING", "--no-input-timeout", "0"),
    *("--media-timeout", "5", "--start-timeout", "2", "--bot-timeout", "2"),
    *("--asr", "soaking.bots:SoakAsr", "--denoiser", "soaking.bots:SoakDenoisers"),
    *("--tts", "soaking.bots:SoakTts", "--bot", "soaking.bots:SoakBot"),
)
"""Short limits, so that what has to be noticed is noticed in a call of seconds."""


@dataclass(slots=True)
class Soak:
    """A soak under way."""

    server: Server
    place: Place
    ledger: Path
    at_once: int
    calls: list[Call] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    async def run(self, jobs: Sequence[Job], session: aiohttp.ClientSession) -> None:
        """Make all calls, and look at the server between windows of them."""
        began_s, in_all, room = time.monotonic(), sum(job.calls for job in jobs), asyncio.Semaphore(self.at_once)

        async def one(job: Job) -> None:
            async with room:
                self.calls += await make(job, self.place)

        for window in windows(jobs):
            async with asyncio.TaskGroup() as tasks:
                for job in window:
                    tasks.create_task(one(job))
            await self.look(session)
            gone_s, done = time.monotonic() - began_s, len(self.calls)
            print(progress(done, in_all, gone_s, self.samples[-1]), flush=True)

    async def look(self, session: aiohttp.ClientSession) -> None:
        """Sample the server once nobody is on the line."""
        await self.idle(session)
        pid = self.server.process.pid
        name = ident(Does.COUNTS, len(self.samples))
        async with open_line("twilio", self.place, name) as line, on_line(line) as phone:
            await phone.until_heard(after_ms=0)
        self.calls.append(Call("census", "twilio", name))
        found = Book(self.ledger).census[-1]
        server, sip = process(pid), sip_process(pid)  # once the census has given back what is free
        self.samples.append(Sample(len(self.calls), server, process(sip) if sip else None, found))

    async def idle(self, session: aiohttp.ClientSession) -> None:
        """Wait until nobody is on the line. Who stays on it for a minute is left to the claims."""
        with suppress(TimeoutError):
            await self._idle(session)
        await asyncio.sleep(1)  # connections close behind their calls

    async def _idle(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(60):
            while total(await self.series(session), "bridge_calls"):  # noqa: ASYNC110 - a metric calls nobody
                await asyncio.sleep(0.2)

    async def series(self, session: aiohttp.ClientSession) -> Series:
        async with session.get(f"{self.server.http}/metrics") as response:
            return scrape(await response.text())


def windows(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    """Yield the jobs in windows of about as many."""
    each = max(1, -(-len(jobs) // WINDOWS))
    for begin in range(0, len(jobs), each):
        yield jobs[begin : begin + each]


def progress(done: int, in_all: int, gone_s: float, held: Sample) -> str:
    left_s = gone_s / done * max(0, in_all - done)
    sip = f"; SIP {held.sip.rss_mb:g} MB, {held.sip.descriptors} descriptors" if held.sip else ""
    server = f"server {held.server.rss_mb:g} MB, {held.server.descriptors} descriptors, {held.census.tasks} tasks"
    when = f"{gone_s // 60:.0f}:{gone_s % 60:02.0f} gone, about {left_s // 60:.0f}:{left_s % 60:02.0f} to go"
    return f"{done:5} of {in_all} calls, {when}: {server}{sip}"


@asynccontextmanager
async def started(
    folder: Path, *, real: float, lines: int, without: Sequence[str]
) -> AsyncIterator[tuple[Server, Place]]:
    """Start the server and the exchange that hands calls to it."""
    audiosocket_port, sip_port = free_port(), free_port()
    sip: tuple[str, ...] = ("--sip", "--sip-port", str(sip_port), "--sip-rtp-ports", "22000-26000")
    sip += ("--sip-media-timeout", "3", "--sip-max-calls-per-second", "50")
    env = {"PYTHONPATH": str(SUPPORT), LEDGER: str(folder / "ledger"), REAL: str(real), "BRIDGE_ARI_PASSWORD": PASSWORD}
    async with Exchange(free_port()) as exchange:
        await exchange.open()
        ari = ("--ari-url", exchange.url, "--ari-user", USER, "--ari-format", "ulaw")
        flags = (*FLAGS, *ari, *(() if "sip" in without else sip), "--audiosocket-port", str(audiosocket_port))
        flags += ("--max-calls", str(lines))
        async with serve(*flags, env=env) as server, ProcessorWatch(server.process.pid) as processor:
            await exchange.until_connected()
            yield server, Place(server.http, audiosocket_port, sip_port, exchange, processor)


def missing() -> list[str]:
    """Return the wires that cannot be had on this machine."""
    have_sip = find_spec("baresip") and shutil.which("baresip") and shutil.which("sipp")
    return [] if have_sip else ["sip"]


async def soak(flags: argparse.Namespace) -> tuple[Soak, list[Claim], str]:
    without = missing()
    if without:
        print(f"left out, not installed: {', '.join(without)}")
    jobs = plan(flags.calls, seed=flags.seed, without=without)
    lines = flags.at_once * 2 + 2 * MOST  # a job of several calls takes several
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            started(folder, real=flags.real, lines=lines, without=without) as (server, place),
            aiohttp.ClientSession() as session,
        ):
            run = Soak(server, place, folder / "ledger", flags.at_once)
            await run.run(jobs, session)
            run.calls += await crowd(place, lines=lines, number=len(jobs) * MOST)
            await run.idle(session)
            series = await run.series(session)
        found = claims(
            *(run.calls, run.samples, series, Book(run.ledger)),
            answer_ms=flags.answer_ms,
            growth_mb=flags.growth_mb,
        )
    return run, found, server.log


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000, metavar="N")
    parser.add_argument("--at-once", type=int, default=16, metavar="N", help="calls that are on the line together")
    parser.add_argument("--real", type=float, default=0.1, metavar="SHARE", help="calls with Whisper and the voice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--answer-ms",
        type=float,
        default=3000,
        help="what a healthy caller may wait for an answer; 19 of 20 half of it",
    )
    parser.add_argument("--growth-mb", type=float, default=8, help="memory in 1,000 calls, and in all in fewer")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the claims, calls and samples here")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write what the server logged here")
    flags = parser.parse_args()
    recordings(sentences())
    keep_for_good()  # a search for garbage makes all phones late
    began_s = time.monotonic()
    run, found, log = asyncio.run(soak(flags))
    kinds = Counter(call.kind for call in run.calls)
    print(f"\n{len(run.calls)} calls in {(time.monotonic() - began_s) / 60:.1f} minutes, seed {flags.seed}:")
    print(", ".join(f"{kind} {count}" for kind, count in kinds.most_common()), end="\n\n")
    for claim in found:
        print(f"{'holds' if claim.holds else 'FAILS':<6} {claim.text}: {claim.detail}")
    if flags.json:
        flags.json.write_text(as_json(run.calls, run.samples, found))
    if flags.log:
        flags.log.write_text(log)
    return 0 if all(claim.holds for claim in found) else 1


if __name__ == "__main__":
    sys.exit(main())
