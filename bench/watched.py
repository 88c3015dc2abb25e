"""First audio as callers hear it, with and without an operator who watches: python bench/watched.py [--calls 40]

Forty conversations at a time over the Twilio wire against one server with instant models, in turn watched and not, so
that both share what the machine does meanwhile. Watching is what the dashboard does: the events of all calls, their
levels, and one listener.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from gauge import late, spread, usage
from integration.recordings import prompts, recordings
from integration.server import Server, serve

from bridge.commands.call import load_test

HERE: Final = Path(__file__).resolve().parent
FLAGS: Final = (
    *("--log-level", "WARNING", "--no-input-timeout", "0", "--load-final-wait", "0", "--load-loop-lag", "0"),
    *("--asr", "stubs:InstantAsr", "--tts", "stubs:InstantTts", "--bot", "stubs:Talker", "--max-calls", "60"),
)


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[list[int]]:
    """Watch all calls as the dashboard does, inside the block; yields the bytes of events, levels and sound."""
    came = [0, 0, 0]

    async def follow(session: aiohttp.ClientSession, path: str, place: int) -> None:
        async with session.get(f"{server.http}{path}", timeout=aiohttp.ClientTimeout(total=None)) as events:
            async for chunk in events.content.iter_any():
                came[place] += len(chunk)

    async def listen(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.get(f"{server.http}/calls", params={"live": "true"}) as answer:
                calls = (await answer.json())["calls"]
            if not calls:
                await asyncio.sleep(0.2)
                continue
            async with session.ws_connect(f"{server.http}/calls/{calls[-1]['record']}/listen") as sound:
                async for message in sound:
                    came[2] += len(message.data or b"") if message.type is aiohttp.WSMsgType.BINARY else 0

    async with aiohttp.ClientSession() as session:
        ways = (follow(session, "/events", 0), follow(session, "/events/levels", 1), listen(session))
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            yield came
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    print(f"watching failed: {result!r}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3, help="of each")
    options = parser.parse_args()
    said = recordings(prompts(4))
    async with serve(*FLAGS, cwd=HERE) as server:
        heard: dict[bool, list[float]] = {False: [], True: []}
        lates: dict[bool, list[float]] = {False: [], True: []}
        cpu_s: dict[bool, float] = {False: 0.0, True: 0.0}
        for number in range(2 * options.rounds):
            watched = number % 4 in {1, 2}  # neither is always first
            before = usage(server).cpu_s
            async with watching(server) if watched else nullcontext([0, 0, 0]) as came:
                pairs = await load_test(server.twilio, said, calls=options.calls, ramp_s=3.0)
            cpu_s[watched] += usage(server).cpu_s - before
            heard[watched] += [
                turn.heard_ms for figures, _ in pairs for turn in figures.turns if turn.heard_ms is not None
            ]
            lates[watched] += [figures.late_p99_ms for figures, _ in pairs]
            assert not watched or all(came), f"not all was watched: {came}"
    for watched, values in heard.items():
        name = "watched, one listener" if watched else "nobody watches"
        cost = f"{cpu_s[watched] / options.rounds:.1f} CPU-s a round"
        print(
            f"{options.calls} calls, {name:22} first audio heard, ms: {spread(values)}  {cost}  {late(lates[watched])}"
        )


if __name__ == "__main__":
    asyncio.run(main())
