"""When callers see their first words, where more of them speak than the engine can follow:

    python bench/first_words.py --sessions 50 --decode-ms 80

The engine is two slots that take as long for a decode as is said, in virtual time: so the figures are those of the
policy and of the pool's order, the same on every machine. Utterances take 1.5 to 7 s.
"""

import argparse
import asyncio
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from spoken_load import Spoken, listener

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))
from virtual import run

from bridge.speech.api import SAMPLE_RATE, AsrCapabilities, Hypothesis, Recogniser, Request, Standing
from bridge.speech.pool import Pool
from telephony.recognition import RecognitionOptions

SECONDS = 60.0
MORE_A_SECOND = 0.15
"""What each second of audio adds to a decode, as a share of the shortest; measured with Whisper tiny.en."""


class Timed:
    """An engine that hears two words a second."""

    name = "timed"
    capabilities = AsrCapabilities(at_once=2, backlog=10)

    def __init__(self, decode_s: float, guess: float) -> None:
        """`guess`: what first words cost, as a share of another decode of their length."""
        self._decode_s, self._guess = decode_s, guess

    async def decode(self, request: Request, /) -> Hypothesis:
        seconds = len(request.audio) / SAMPLE_RATE
        guessed = request.first and not request.final and seconds <= 2
        await asyncio.sleep(self._decode_s * (1 + MORE_A_SECOND * seconds) * (self._guess if guessed else 1))
        return Hypothesis([f"w{number} " for number in range(1 + int(2 * seconds))], "English")

    async def healthy(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing was loaded."""


class Client:
    """A live client's view of the pool."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool, self._session = pool, name
        self.name, self.capabilities = pool.name, pool.capabilities
        self.healthy, self.check_language, self.recovered = pool.healthy, pool.check_language, pool.recovered

    async def decode(self, request: Request, /) -> Hypothesis:
        return await self._pool.decode(replace(request, session=self._session, standing=Standing.LIVE))

    def close(self) -> None:
        """The pool is everybody's."""


async def crowd(sessions: int, decode_s: float, guess: float) -> tuple[list[float], int]:
    """Return after how many seconds each utterance showed its first words, and how many showed none before the end."""
    loop, dice = asyncio.get_running_loop(), random.Random(1)
    pool = Pool([Timed(decode_s, guess)], timeout_s=10.0, clock_s=loop.time)
    waits, none = list[float](), 0

    async def caller(asr: Recogniser) -> None:
        nonlocal none
        await asyncio.sleep(dice.uniform(0, 4))
        listen = listener(asr, RecognitionOptions())
        while loop.time() < SECONDS:
            said = Spoken("", "English", np.full(int(dice.uniform(1.5, 7.0) * SAMPLE_RATE), 0.1, np.float32))
            outcome = await listen(said)
            waits.append((outcome.first_partial_ms or 1000 * said.seconds) / 1000)
            none += outcome.first_partial_ms is None
            await asyncio.sleep(dice.uniform(0.5, 3.0))

    await asyncio.gather(*(caller(Client(pool, f"s{number}")) for number in range(sessions)))
    pool.close()
    return waits, none


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--decode-ms", type=float, default=80.0)
    flags = parser.parse_args()
    for guess in (1.0, 0.67):
        waits, none = run(crowd(flags.sessions, flags.decode_ms / 1000, guess))
        p50, p95 = np.percentile(waits, [50, 95])
        print(f"first words cost {guess:g} of a decode: p50 {p50:.2f} s, p95 {p95:.2f} s, none {none} of {len(waits)}")


if __name__ == "__main__":
    main()
