"""Callers of a bridge with a pool of `TimedAsr` on Ray: each final is counted, and how late it came."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import Final

import aiohttp
from integration.wire_peers import SILENCE, TONE, connect, packet
from server_process import FakeServer

_CALLERS: Final = 20
_BURST, _PAUSE = 30, 60
"""Packets of 20 ms that a caller speaks, and is silent: long enough that each burst is an utterance."""
FINAL: Final = re.compile(r"^FINAL (\d+) (\d+) (\S+) \d+ (\d+)$", re.MULTILINE)
QUIET: Final = {"BRIDGE_RECORDS": "none", "BRIDGE_LOAD_LOOP_LAG": "0"}
QUIET_FLAGS: Final = (
    "--vad",
    "fakes:LoudnessVads",
    "--ending",
    "none",
    "--denoiser",
    "none",
    "--no-input-timeout",
    "0",
    "--bot",
    "tally_bot:Tally",
)


class Callers:
    """Twenty who speak, pause and speak again, in real time, until they are told to stop."""

    def __init__(self, server: FakeServer) -> None:
        self._server, self._stop = server, asyncio.Event()
        self.said = 0
        self.late_s = 0.0
        """How far one of them was behind the clock: a machine too busy for telephones delays finals, too."""

    async def talk(self, session: aiohttp.ClientSession, number: int) -> None:
        loop, sent = asyncio.get_running_loop(), 0
        await asyncio.sleep(0.09 * number)
        peer = await connect("twilio", url=self._server.http, session=session, audiosocket_port=0)
        begun = loop.time()

        async def send(tone: bool, count: int) -> None:
            nonlocal sent
            for _ in range(count):
                sent += 1
                await peer.send(packet("twilio", sent, TONE if tone else SILENCE))
                ahead_s = begun + 0.02 * sent - loop.time()
                self.late_s = max(self.late_s, -ahead_s)
                await asyncio.sleep(max(0.0, ahead_s))

        await send(False, 10)
        while not self._stop.is_set():
            self.said += 1
            await send(True, _BURST)
            await send(False, _PAUSE)
        await send(False, 100)
        await peer.close()

    async def during(self, happening: Callable[[], object]) -> None:
        """Talk while `happening` goes on in a thread."""
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as calls:
            for number in range(_CALLERS):
                calls.create_task(self.talk(session, number))
            await asyncio.sleep(4)
            try:
                await asyncio.to_thread(happening)
                await asyncio.sleep(4)
            finally:
                self._stop.set()


def late(server: FakeServer, since: int) -> list[int]:
    return sorted(int(found[2]) for found in FINAL.finditer(server.said[since:]))


async def talk_during(
    server: FakeServer, what: str, happens: Callable[[], object], record: Callable[[str], None]
) -> int:
    """Have twenty talk while `happens` goes on; each final comes once.

    Return the longest wait in milliseconds, beyond what telephones were late themselves.
    """
    since, callers = len(server.said), Callers(server)
    await callers.during(happens)
    waits, keys = late(server, since), Counter(found[2] for found in FINAL.findall(server.said[since:]))
    p50, p95 = waits[len(waits) // 2], waits[int(0.95 * len(waits))]
    record(f"{what}: {callers.said} said, {len(keys)} finals; p50 {p50}, p95 {p95}, longest {waits[-1]} ms")
    record(f"the telephones were {callers.late_s:.1f} s late themselves")
    assert max(keys.values()) == 1, "a final came twice"
    assert len(keys) == callers.said, "a final was lost"
    return waits[-1] - round(1000 * callers.late_s)
