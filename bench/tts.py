"""What a voice costs, and how soon it speaks: python bench/tts.py [OPTIONS OF bridge serve]

    python bench/tts.py
    python bench/tts.py --tts openai --tts-url http://gpu:8880 --tts-voice af_heart

CPU milliseconds are of the whole process and hold on a busy machine; wall milliseconds need an idle one. A voice over
HTTP costs its CPU elsewhere: there wall milliseconds count.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from bot.tts.finishing import active_rms
from bridge.settings import Settings, add_flags, load
from bridge.speaking.voices.loading import LoadedVoices
from bridge.speaking.voices.voice import Voice

TEN_WORDS = "Thank you for calling, how can I help you today?"
THIRTY_WORDS = (
    "Your order has left our warehouse this morning and will reach you on Tuesday between nine and eleven, "
    "so please make sure that somebody is at home to take it."
)
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One sentence, in milliseconds."""

    first_cpu_ms: float
    first_wall_ms: float
    cpu_ms: float
    wall_ms: float
    audio_ms: float
    level_dbfs: float


async def say(tts: Voice, text: str) -> Run:
    cpu, wall = time.process_time(), time.perf_counter()
    first: tuple[float, float] | None = None
    chunks = []
    async with aclosing(tts.speak(text)) as pieces:
        async for samples in pieces:
            first = first or (time.process_time() - cpu, time.perf_counter() - wall)
            chunks.append(samples)
    sound = np.concatenate(chunks)
    assert first
    return Run(
        first_cpu_ms=1000 * first[0],
        first_wall_ms=1000 * first[1],
        cpu_ms=1000 * (time.process_time() - cpu),
        wall_ms=1000 * (time.perf_counter() - wall),
        audio_ms=len(sound) * 1000 / tts.sample_rate,
        level_dbfs=20 * float(np.log10(active_rms(sound, tts.sample_rate))),
    )


async def one_by_one(tts: Voice, text: str, rounds: int) -> None:
    runs = [await say(tts, text) for _ in range(rounds)]

    def middle(name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in runs))

    audio_ms = middle("audio_ms")
    walls = sorted(run.first_wall_ms for run in runs)
    print(
        f"{len(text.split()):3} words: first audio {middle('first_cpu_ms'):5.1f} CPU ms, "
        f"{at(walls, 0.5):5.1f} wall ms ({at(walls, 0.95):.0f} p95); {audio_ms:5.0f} ms of audio, "
        f"RTF {middle('cpu_ms') / audio_ms:.4f} CPU, {middle('wall_ms') / audio_ms:.3f} wall; "
        f"{middle('level_dbfs'):.1f} dBFS"
    )


async def at_once(tts: Voice, calls: int) -> None:
    cpu = time.process_time()
    runs = await asyncio.gather(*(say(tts, TEN_WORDS) for _ in range(calls)))
    cpu_ms = (time.process_time() - cpu) * 1000 / calls
    waits = sorted(run.first_wall_ms for run in runs)
    print(
        f"{calls} calls at once, 10 words each: first audio after {at(waits, 0.0):.0f} ms for the first, "
        f"{at(waits, 0.5):.0f} p50, {at(waits, 1.0):.0f} for the last; {cpu_ms:.1f} CPU ms each"
    )


def at(ordered: Sequence[float], fraction: float) -> float:
    return ordered[round(fraction * (len(ordered) - 1))]


async def measure(tts: Voice, rounds: int, calls: int) -> None:
    for text in (TEN_WORDS, THIRTY_WORDS):
        await one_by_one(tts, text, rounds)
    await at_once(tts, calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="times that each sentence is said")
    parser.add_argument("--calls", type=int, default=AT_ONCE, help="calls that speak at once")
    add_flags(parser)
    flags = parser.parse_args()
    rounds, calls = flags.rounds, flags.calls
    del flags.rounds, flags.calls
    settings: Settings = load(flags, {})
    cpu, wall = time.process_time(), time.perf_counter()
    loaded = LoadedVoices()
    tts = loaded.load(settings.tts, settings)
    print(
        f"load and warm-up: {(time.process_time() - cpu) * 1000:.0f} CPU ms, "
        f"{(time.perf_counter() - wall) * 1000:.0f} wall ms; {tts.sample_rate} Hz"
    )
    asyncio.run(measure(tts, rounds, calls))
    loaded.close()


if __name__ == "__main__":
    main()
