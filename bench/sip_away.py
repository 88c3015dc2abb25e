"""How long SIP is away while worker 1, which has its port, is replaced (SIGUSR2): without calls, and with some.

    python bench/sip_away.py [--runs 3] [--call 8]

Somebody asks (OPTIONS) each 20 ms; away is the longest time between two answers. A worker that drains still answers,
and says 503 to calls for as long as its own calls last, which is to be added.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from figures import show, spread
from integration.by_hand import request
from integration.server import Server, serve
from integration.sip_peers import free_port

from bridge.commands.phone.simulated_phone import dial

_ASK_S: Final = 0.02
_REPLACED: Final = "all workers are replaced"


async def longest_silence(port: int, over: asyncio.Event) -> float:
    """Return the longest time between two answers, in seconds."""
    loop, longest_s, last_s = asyncio.get_running_loop(), 0.0, time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.setblocking(False)
        number = 0
        while not over.is_set():
            number += 1
            with contextlib.suppress(OSError):  # the port is closed: that is told to who sent before
                wire.sendto(request("OPTIONS", wire, port, call=f"away{number}"), ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_ASK_S):
                    await loop.sock_recv(wire, 4096)
                    now_s = time.perf_counter()
                    longest_s, last_s = max(longest_s, now_s - last_s), now_s
            await asyncio.sleep(_ASK_S)
    return longest_s


async def replaced(server: Server, port: int, times: int) -> float:
    """Replace the workers, and return how long SIP did not answer, in seconds."""
    over = asyncio.Event()
    asking = asyncio.create_task(longest_silence(port, over))
    await asyncio.sleep(1)
    server.stop(signal.SIGUSR2)
    async with asyncio.timeout(300):
        while server.log.count(_REPLACED) < times:
            server.more.clear()
            await server.more.wait()
    over.set()
    return await asking


async def measure(runs: int, call_s: float) -> None:
    port = free_port()
    flags = ("--workers", "2", "--sip", "--sip-port", str(port), "--no-input-timeout", "0")
    async with serve(*flags, "--records", "none", code=None, start_s=300) as server:
        away = [await replaced(server, port, number + 1) for number in range(runs)]
        show({"SIP away, no calls": spread(away, "s ")})
        async with contextlib.AsyncExitStack() as stack:
            phones = [await stack.enter_async_context(dial(server.twilio, call_sid=f"CA{n}")) for n in range(4)]

            async def hang_up() -> None:
                await asyncio.sleep(1 + call_s)
                for phone in phones:
                    await phone.hang_up()

            _, away_s = await asyncio.gather(hang_up(), replaced(server, port, runs + 1))
        show({f"SIP away, calls that end after {call_s:g} s": {"s": round(away_s, 2)}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--call", type=float, default=8, help="seconds that calls go on")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.runs, arguments.call))


if __name__ == "__main__":
    main()
