"""What the embedded voice costs: python bench/tts.py

CPU milliseconds are of the whole process and hold on a busy machine; wall milliseconds need an idle one.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence

from bot.tts.hibari import HibariTts

TEN_WORDS = "Thank you for calling, how can I help you today?"
THIRTY_WORDS = (
    "Your order has left our warehouse this morning and will reach you on Tuesday between nine and eleven, "
    "so please make sure that somebody is at home to take it."
)
AT_ONCE = 20


async def first_audio_ms(tts: HibariTts, text: str) -> tuple[float, float, float]:
    """Return CPU milliseconds and wall milliseconds to the first audio of `text`, and the audio's length in ms."""
    cpu, wall = time.process_time(), time.perf_counter()
    samples = await anext(tts.speak(text))
    cpu_ms, wall_ms = (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000
    return cpu_ms, wall_ms, len(samples) * 1000 / tts.sample_rate


async def one_by_one(tts: HibariTts, text: str, rounds: int = 20) -> None:
    runs = [await first_audio_ms(tts, text) for _ in range(rounds)]
    cpu_ms, wall_ms, audio_ms = (statistics.median(values) for values in zip(*runs, strict=True))
    print(
        f"{len(text.split()):3} words: first audio {cpu_ms:5.1f} CPU ms, {wall_ms:5.1f} wall ms; "
        f"{audio_ms:5.0f} ms of audio, RTF {cpu_ms / audio_ms:.4f}"
    )


async def at_once(tts: HibariTts) -> None:
    cpu = time.process_time()
    runs = await asyncio.gather(*(first_audio_ms(tts, TEN_WORDS) for _ in range(AT_ONCE)))
    cpu_ms = (time.process_time() - cpu) * 1000 / AT_ONCE
    waits = sorted(wall_ms for _, wall_ms, _ in runs)
    print(
        f"{AT_ONCE} calls at once, 10 words each: first audio after {at(waits, 0.0):.0f} ms for the first, "
        f"{at(waits, 0.5):.0f} p50, {at(waits, 1.0):.0f} for the last; {cpu_ms:.1f} CPU ms each"
    )


def at(ordered: Sequence[float], fraction: float) -> float:
    return ordered[round(fraction * (len(ordered) - 1))]


async def main() -> None:
    cpu = time.process_time()
    tts = await asyncio.to_thread(HibariTts.load)
    print(f"load and warm-up: {(time.process_time() - cpu) * 1000:.0f} CPU ms")
    for text in (TEN_WORDS, THIRTY_WORDS):
        await one_by_one(tts, text)
    await at_once(tts)
    tts.close()


if __name__ == "__main__":
    asyncio.run(main())
