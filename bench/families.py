"""What a call costs by the way its audio travels, and how late that makes it: python bench/families.py [--json FILE]

Behind each wire stands an echo in place of the call, so that this is the wire alone: its socket, its parser, its leg.
The delay is from the sending of a packet with a tone to its coming back: mouth to ear by way of the bridge, without the
far side's own buffers. On wires without a voice a transcript of each tone comes back instead. SIP has a process and a
jitter buffer of its own: bench/sip.py.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from gauge import TICKS, Results, Row
from integration.sip_peers import free_port
from integration.wire_peers import NAMES, SILENCE, TONE, WRITTEN_DOWN, Peer, TcpPeer, connect, packet

from telephony.wires import WIRES

FRAME_S: Final = 0.02
_WIRES: Final = (*NAMES, *WRITTEN_DOWN)
_EACH: Final = 50
"""Packets between two with a tone."""


async def call(peer: Peer, name: str, seconds: float, late_ms: list[float]) -> list[float]:
    """Send for so long, 20 ms a packet on absolute deadlines; return how many ms each tone took to come back."""
    sent_s: list[float] = []
    took_ms: list[float] = []

    async def listen() -> None:
        quiet = True
        with suppress(ConnectionError):
            while True:
                loud = bool(np.abs(await peer.listen()).max(initial=0.0) > 0.2)
                if loud and quiet and len(took_ms) < len(sent_s):
                    took_ms.append(1000 * (time.perf_counter() - sent_s[len(took_ms)]))
                quiet = not loud or name in WRITTEN_DOWN  # a transcript is of one tone

    listening = asyncio.create_task(listen())
    began = time.perf_counter()
    for number in range(1, round(seconds / FRAME_S) + 1):
        wait_s = began + number * FRAME_S - time.perf_counter()
        await asyncio.sleep(max(0.0, wait_s))
        late_ms.append(max(0.0, -1000 * wait_s))
        loud = number % _EACH == 0
        if loud:
            sent_s.append(time.perf_counter())
        await peer.send(packet(name, number, TONE if loud else SILENCE))
    await asyncio.sleep(0.3)  # the newest tone is on its way
    listening.cancel()
    if isinstance(peer, TcpPeer):
        await peer.close()
    return took_ms


async def load(name: str, *, calls: int, seconds: float, url: str, port: int, pid: int) -> Row:
    late_ms: list[float] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def one(number: int) -> list[float]:
            await asyncio.sleep(FRAME_S * number / calls)  # no two callers' packets leave at the same time
            peer = await connect(name, url=url, session=session, audiosocket_port=port)
            return await call(peer, name, seconds, late_ms)

        before = cpu_s(pid)
        took = [ms for each in await asyncio.gather(*(one(number) for number in range(calls))) for ms in each]
        used_s = cpu_s(pid) - before
    expected = calls * (round(seconds / FRAME_S) // _EACH)
    return {
        "calls": calls,
        "% of a core a call": round(100 * used_s / (calls * seconds), 2),
        "delay p50, ms": round(float(np.percentile(took, 50)), 1) if took else "",
        "p95": round(float(np.percentile(took, 95)), 1) if took else "",
        "tones lost": expected - len(took),
        "sender late p99, ms": round(float(np.percentile(late_ms, 99)), 1),
    }


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(names: Sequence[str], calls: Sequence[int], seconds: float) -> Results:
    port, audiosocket_port = free_port(), free_port()
    script = str(Path(__file__).with_name("echo_server.py"))
    process = await asyncio.create_subprocess_exec(sys.executable, script, str(port), str(audiosocket_port))
    url, results = f"http://127.0.0.1:{port}", Results()
    families = {wire.name: wire.family.value for wire in WIRES}
    try:
        await answering(url)
        for name in names:
            for count in calls:
                row = await load(name, calls=count, seconds=seconds, url=url, port=audiosocket_port, pid=process.pid)
                results[f"{name} ({families[name]}), {count} calls"] = row
                print(f"| {name} | {families[name]} | {' | '.join(str(value) for value in row.values())} |", flush=True)
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()
    return results


async def answering(url: str) -> None:
    """Wait until the server does."""
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"{url}/healthz"):
                    return
            await asyncio.sleep(0.1)


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wires", nargs="+", default=_WIRES, choices=_WIRES, metavar="WIRE")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 50], metavar="N")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--json", type=Path, metavar="FILE")
    flags = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}\n")
    print("| wire | audio travels as | calls | % of a core a call | delay p50, ms | p95 | tones lost | late p99, ms |")
    print("|" + "---|" * 8)
    results = await measure(flags.wires, flags.calls, flags.seconds)
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
