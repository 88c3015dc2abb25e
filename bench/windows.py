"""What Whisper loses and saves where less than its 30 s is encoded: python bench/windows.py [--windows 6,10,30]

Prompts over a mu-law line, as a final hears them (0.3 s before the first sound, 0.13 s behind the last), clean and in
pink noise of 10 dB, by their length. Each is decoded in every window in turn, so that all have the same machine.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from asr import spelled
from denoiser import pink
from endofturn import table
from pauses import noise, over_the_line

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import Prompt, prompts, word_error_rate

from bridge.commands.recording import speech_span
from bridge.speech.api import SAMPLE_RATE, Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.backends.whisper import asr as engine

LENGTHS_S: Final = ((0, 1.5), (1.5, 4.5), (4.5, 30))
SNR_DB: Final = 10


@dataclass(frozen=True, slots=True)
class Heard:
    """One final."""

    said: str
    text: str
    seconds: float
    noisy: bool
    window_s: int
    cpu_ms: float
    stop: float


def over_the_telephone(prompt: Prompt, rng: np.random.Generator, *, noisy: bool) -> Samples:
    begin_ms, end_ms = speech_span(prompt.audio)
    said = prompt.audio[8 * begin_ms : 8 * end_ms]
    audio = np.concatenate((noise(300, rng), said, noise(128, rng)))
    if noisy:
        sound = pink(len(audio), rng)
        level = np.sqrt(np.mean(said**2) / np.mean(sound**2)) * 10 ** (-SNR_DB / 20)
        audio = (audio + level * sound).astype(np.float32)
    return over_the_line(audio)


async def final(asr: WhisperAsr, audio: Samples, prompt: Prompt, *, noisy: bool, window_s: int) -> Heard:
    vars(engine)["encoded_s"] = lambda seconds, **_: max(window_s, seconds + 1)
    begun = time.process_time()
    heard = await asr.decode(Request(audio, language="English", final=True))
    cpu_ms = 1000 * (time.process_time() - begun)
    stop = heard.marks.stop if heard.marks else 0.0
    return Heard(prompt.text, heard.text, len(audio) / SAMPLE_RATE, noisy, window_s, cpu_ms, stop)


def rows(heard: Sequence[Heard], windows: Sequence[int]) -> list[dict[str, float | str]]:
    lines: list[dict[str, float | str]] = []
    for noisy in (False, True):
        for low, high in LENGTHS_S:
            for window_s in windows:
                some = [h for h in heard if h.noisy == noisy and low <= h.seconds < high and h.window_s == window_s]
                if not some:
                    continue
                said, got = [spelled(h.said) for h in some], [spelled(h.text) for h in some]
                lines.append(
                    {
                        "line": "noise" if noisy else "clean",
                        "length, s": f"{low} - {high}",
                        "encoded, s": window_s,
                        "n": len(some),
                        "words wrong, %": round(100 * word_error_rate(said, got), 1),
                        "empty": sum(not h.text for h in some),
                        "P(stop)": round(float(np.mean([h.stop for h in some])), 3),
                        "CPU ms a final": round(float(np.mean([h.cpu_ms for h in some]))),
                    }
                )
    return lines


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny.en", help="name, folder or hub id (default tiny.en)")
    parser.add_argument("--windows", default="6,10", metavar="S,S", help="seconds encoded at least (%(default)s)")
    parser.add_argument("--prompts", type=int, default=400, metavar="N", help="recordings at most (default: all)")
    options = parser.parse_args()
    asr = await asyncio.to_thread(WhisperAsr.load, options.model, threads=1)
    windows, rng, heard = [int(s) for s in options.windows.split(",")], np.random.default_rng(5), list[Heard]()
    for prompt in prompts(options.prompts, shortest_s=0.3, longest_s=9.0):
        for noisy in (False, True):
            audio = over_the_telephone(prompt, rng, noisy=noisy)
            heard += [await final(asr, audio, prompt, noisy=noisy, window_s=window_s) for window_s in windows]
    print(table(rows(heard, windows)))
    await asyncio.to_thread(asr.close)


if __name__ == "__main__":
    asyncio.run(main())
