"""Whether anything tells the end of a dictated number: python bench/dictated.py

The announcer's digits in groups, over a mu-law line: what tiny.en expects behind each group (P(stop)), as AUC of whole
numbers over those that go on. Then simulated callers: to wait a multiple of the longest pause so far in the number.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from endofturn import area_under_curve, table
from pauses import LEAD_MS, STOP_MS, noise, over_the_line, silences

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import prompt

from bridge.commands.recording import speech_span
from bridge.speech.api import Request, Samples
from bridge.speech.backends.silero import SileroVad
from bridge.speech.backends.whisper import WhisperAsr
from bridge.turns.endpointing import EndpointRules

SHAPES: Final = (
    (3, 3, 4), (3, 4), (4, 4), (4, 4, 4, 4), (3, 3), (2, 2, 2, 2), (5, 6), (3, 3, 3), (4, 3, 3),
    (5,), (6,), (4,), (10,), (8,), (1, 1, 1, 1, 1, 1),
)  # fmt: skip
"""Digits of each group."""
GAPS_MS: Final = (300, 500, 800, 1200)
LEAST_MS: Final = 800
"""Shortest wait by the rhythm of a number."""
COUNTS_MS: Final = 200
"""Shorter pauses are stops inside words."""
CALLERS: Final = 6000


async def expected(times: int) -> tuple[list[float], list[float]]:
    """Return P(stop) behind whole numbers, and behind the groups before the last."""
    rng, vad, asr = np.random.default_rng(11), SileroVad.load(), WhisperAsr.load(threads=1)
    recorded = [prompt(f"digits/{digit}").audio for digit in range(10)]
    digits = [audio[8 * begin : 8 * end] for audio in recorded for begin, end in [speech_span(audio)]]
    whole, begun = list[float](), list[float]()
    for shape in SHAPES * times:
        gap_ms, pieces = int(rng.choice(GAPS_MS)), [noise(LEAD_MS, rng)]
        for number, size in enumerate(shape):
            for digit in rng.integers(10, size=size):
                pieces += [digits[digit], noise(60, rng)]
            wide = over_the_line(*pieces, noise(1500, rng))
            stop = await behind(wide, vad, asr)
            (whole if number == len(shape) - 1 else begun).append(stop)
            pieces.append(noise(gap_ms, rng))
    asr.close()
    return whole, begun


async def behind(wide: Samples, vad: SileroVad, asr: WhisperAsr) -> float:
    begin_ms, _ = (await silences(wide, vad))[-1]
    heard = await asr.decode(Request(wide[: 16 * (begin_ms + STOP_MS)], language="English", final=True))
    return heard.marks.stop if heard.marks else 0.0


def by_rhythm(spread: float, times: float) -> dict[str, float | str]:
    """Simulate callers whose pauses in a number vary by `spread`, and waits of `times` the longest of two or more."""
    rng, longest_ms = np.random.default_rng(1), EndpointRules().dictation_ms
    cut, waits = 0, list[float]()
    for _ in range(CALLERS):
        middle_ms = np.exp(rng.uniform(np.log(250), np.log(900)))
        pauses = np.minimum(middle_ms * rng.lognormal(0, spread, rng.integers(2, 5)), longest_ms - 100)
        cut += any(pause > wait_ms(pauses[:number], times, longest_ms) for number, pause in enumerate(pauses))
        waits.append(wait_ms(pauses, times, longest_ms))
    return {
        "pauses vary by": spread,
        "times the longest": times,
        "numbers cut short, %": round(100 * cut / CALLERS, 2),
        "mean wait, ms": round(float(np.mean(waits))),
    }


def wait_ms(pauses: Sequence[float], times: float, longest_ms: int) -> float:
    heard = [pause for pause in pauses if pause >= COUNTS_MS]
    return min(longest_ms, max(LEAST_MS, times * max(heard))) if len(heard) > 1 else longest_ms


async def main() -> None:
    whole, begun = await expected(4)
    print(f"{len(whole)} numbers, {len(begun)} groups before the last: AUC of P(stop)", end=" ")
    print(f"{area_under_curve(whole, begun):.2f}\n")
    print(table([by_rhythm(spread, times) for spread in (0.2, 0.35, 0.5) for times in (1.5, 2.0, 2.5)]))


if __name__ == "__main__":
    asyncio.run(main())
