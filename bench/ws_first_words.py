"""When live clients of /ws see their first words, where more of them speak than two cores can follow:

    python bench/ws_first_words.py [--sessions 50] [--seconds 90] [--cores 2] [--asr-model tiny.en]

The real server with real Whisper, held to `--cores` processors; the clients, on the same machine, send recordings of
1.5 to 6 s with pauses of 1 to 3 s between. A wait is from the speech's first sample sent to the first partial of that
utterance, or to its final where no partial came before. bench/first_words.py shows the same in virtual time.
"""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from gauge import spread, usage
from integration.recordings import Prompt, prompts
from integration.server import serve

from bridge.commands.recording import speech_span

CHUNK_MS: Final = 100
RATE: Final = 8000
WARM_UP_S: Final = 8.0
"""Utterances that begin earlier are not counted: not all speak yet."""


@dataclass(slots=True)
class Seen:
    """What the clients saw."""

    waits_ms: list[float] = field(default_factory=list)
    """Till the first words of each utterance."""
    finals_ms: list[float] = field(default_factory=list)
    """From the last chunk with speech in it to the final."""
    without: int = 0
    """Utterances of which nothing was seen before the final."""
    late_ms: float = 0.0
    """By how much the clients' own clock was behind, at most."""


class Client:
    """One who speaks, pauses, and notes what comes back."""

    def __init__(self, seen: Seen, seed: int, said: Sequence[Prompt], count_from_s: float) -> None:
        self._seen, self._dice, self._said, self._count_from_s = seen, random.Random(seed), said, count_from_s
        self._began_s = self._ended_s = 0.0  # of the utterance that is open, its first and last sound; 0: none
        self._shown = False

    async def run(self, url: str, until_s: float) -> None:
        """Speak until `until_s` of the loop's clock."""
        async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=0) as socket:
            await socket.send_json({"type": "config", "encoding": "int16", "sample_rate": RATE})
            reading = asyncio.create_task(self._read(socket))
            await self._quiet(socket, self._dice.uniform(0.5, 5.0))
            while asyncio.get_running_loop().time() < until_s:
                await self._speak(socket, self._dice.choice(self._said))
                await self._quiet(socket, self._dice.uniform(1.0, 3.0))
            reading.cancel()

    async def _speak(self, socket: aiohttp.ClientWebSocketResponse, prompt: Prompt) -> None:
        begins_ms, ends_ms = speech_span(prompt.audio)
        pcm = (np.clip(prompt.audio, -1, 1) * 32767).astype("<i2")
        size, loop = RATE * CHUNK_MS // 1000, asyncio.get_running_loop()
        for place, begin in enumerate(range(0, len(pcm), size)):
            await self._send(socket, pcm[begin : begin + size].tobytes())
            if place == begins_ms // CHUNK_MS:
                self._began_s, self._shown = loop.time(), False
            if place <= ends_ms // CHUNK_MS:
                self._ended_s = loop.time()

    async def _quiet(self, socket: aiohttp.ClientWebSocketResponse, seconds: float) -> None:
        for _ in range(int(seconds * 1000 / CHUNK_MS)):
            await self._send(socket, bytes(RATE * CHUNK_MS // 1000 * 2))

    async def _send(self, socket: aiohttp.ClientWebSocketResponse, chunk: bytes) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + CHUNK_MS / 1000
        await socket.send_bytes(chunk)
        await asyncio.sleep(due_s - loop.time())
        self._seen.late_ms = max(self._seen.late_ms, 1000 * (loop.time() - due_s))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        async for message in socket:
            body, now_s = message.json(), loop.time()
            if body.get("type") not in {"partial", "final"} or not body["text"] or not self._began_s:
                continue
            counts, final = self._began_s > self._count_from_s, body["type"] == "final"
            if counts and not self._shown:
                self._seen.waits_ms.append(1000 * (now_s - self._began_s))
                self._seen.without += final
            if counts and final:
                self._seen.finals_ms.append(1000 * (now_s - self._ended_s))
            self._shown, self._began_s = True, 0.0 if final else self._began_s


async def measure(sessions: int, seconds: float, cores: int, model: str) -> None:
    said = prompts(40)
    flags = ("--log-level", "WARNING", "--asr-model-path", model, "--max-clients", str(sessions + 2))
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(ours)[:cores])  # the server inherits it, all its threads
    async with serve(*flags) as server:
        os.sched_setaffinity(0, ours)
        seen, before, loop = Seen(), usage(server), asyncio.get_running_loop()
        begun_s = loop.time()
        clients = [Client(seen, seed, said, begun_s + WARM_UP_S) for seed in range(sessions)]
        await asyncio.gather(*(client.run(server.ws, begun_s + seconds) for client in clients))
        used = (usage(server).cpu_s - before.cpu_s) / (loop.time() - begun_s)
    load = os.getloadavg()[0]
    print(f"{sessions} sessions, {model}, {cores} cores, {used:.2f} of them used; load of the machine {load:.1f}")
    print(f"first words, ms since speech began: {spread(seen.waits_ms)}, none before the final: {seen.without}")
    print(f"final, ms since the speech's end: {spread(seen.finals_ms)}; clients late by {seen.late_ms:.0f} ms at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--asr-model", default="tiny.en")
    flags = parser.parse_args()
    asyncio.run(measure(flags.sessions, flags.seconds, flags.cores, flags.asr_model))


if __name__ == "__main__":
    main()
