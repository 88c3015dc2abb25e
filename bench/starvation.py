"""Does a caller starve beside clients of /ws that send recordings faster than real time?

    python bench/starvation.py [--sessions 10] [--turns 20] [--json FILE]

One server with the real models, one caller over the Twilio wire: first alone, then beside the sessions, then alone
again, all in one run, so that what the machine does otherwise shows in both. The sessions run in a process of their own
and send as fast as the server takes it.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
import aiohttp
import numpy as np
from gauge import Results, Row, late, spread, usage
from integration.plain_client import Client, connect
from integration.recordings import Prompt, prompts, recordings
from integration.server import Server, serve

from bridge.commands.call import call
from bridge.commands.recording import Recording

QUIET = ("--log-level", "WARNING", "--no-input-timeout", "0")
PAUSE = np.zeros(12_000, np.float32)


async def session(server: Server, said: Sequence[Prompt]) -> tuple[float, int]:
    """Send recordings without end, as fast as they are taken, until cancelled; return seconds sent, and finals."""
    seconds, finals = 0.0, 0

    async def listen(client: Client) -> None:
        nonlocal finals
        async for message in client.socket:
            finals += message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] == "final"

    async with connect(server) as client:
        listening = asyncio.create_task(listen(client))
        with suppress(asyncio.CancelledError):
            while True:
                for line in said:
                    audio = np.concatenate((line.wide, PAUSE))
                    await client.stream(audio)
                    seconds += len(audio) / 16_000
        listening.cancel()
    return seconds, finals


async def flood(address: str, sessions: int) -> None:
    """Run the sessions until a line comes on stdin; print what they did."""
    server = Server(await asyncio.create_subprocess_exec("true"), address)
    said = prompts(12, shortest_s=1.3, longest_s=5.0)
    tasks = [asyncio.create_task(session(server, said[n % 12 :] + said[: n % 12])) for n in range(sessions)]
    began = asyncio.get_running_loop().time()
    await asyncio.to_thread(sys.stdin.readline)
    took = asyncio.get_running_loop().time() - began
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks)
    row: Row = {
        "audio sent, times real time": round(sum(seconds for seconds, _ in done) / took, 1),
        "finals a second": round(sum(finals for _, finals in done) / took, 1),
        "seconds": round(took),
    }
    print(json.dumps(row))


async def turns(server: Server, said: Sequence[Recording], name: str) -> Results:
    """Say `said` in one call; return what the caller waited for the answers."""
    before = usage(server)
    figures, record = await call(server.twilio, said, number=1)
    done, minutes = figures.turns, len(record.caller) / 8000 / 60
    return {
        f"{name}: speech end -> first audio received, ms": {
            **spread([turn.first_audio_ms for turn in done]),
            "never": len(said) - sum(turn.first_audio_ms is not None for turn in done),
            "gaps": figures.gaps,
            "CPU-s a minute": round((usage(server).cpu_s - before.cpu_s) / minutes, 1) if minutes else 0.0,
            "note": late([figures.late_p99_ms]),
        }
    }


async def gone(server: Server) -> None:
    """Wait until the server has heard what the sessions sent before they closed."""
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        while True:
            async with http.get(f"{server.http}/metrics") as response:
                if 'bridge_calls{wire="plain"} 0.0' in await response.text():
                    return
            await asyncio.sleep(1)


async def run(*, sessions: int, count: int) -> Results:
    lines = recordings(prompts(30, shortest_s=1.3, longest_s=3.0))
    said, results = [lines[n % len(lines)] for n in range(count)], Results()

    def note(more: Results) -> None:
        results.update(more)
        for name, values in more.items():
            print(f"{name:<58}", "  ".join(f"{k} {v}" for k, v in values.items() if v != ""), flush=True)

    async with serve(*QUIET) as server:
        note(await turns(server, said[: max(3, count // 3)], "alone"))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--flood", server.address, "--sessions", str(sessions)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        await asyncio.sleep(8)  # until they send
        note(await turns(server, said, f"beside {sessions} fast sessions"))
        told, _ = await child.communicate(b"\n")
        note({f"{sessions} fast sessions": json.loads(told)})
        await gone(server)
        note(await turns(server, said[: max(3, count // 3)], "alone again"))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--flood", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.flood:
        asyncio.run(flood(given.flood, given.sessions))
        return
    results = asyncio.run(run(sessions=given.sessions, count=given.turns))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
