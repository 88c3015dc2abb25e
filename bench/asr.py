"""How well and how cheaply the recogniser hears telephone audio: python bench/asr.py [--model base] [--prompts 120]

Every prompt is one utterance: one speaker, clean, 8 kHz mu-law, up-sampled. Word errors count digits as words.
CPU time is that of the whole process, so run it on a quiet machine.
"""

import argparse
import asyncio
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.speech.api import Request
from bridge.speech.backends.whisper import WhisperAsr

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from integration.recordings import FOLDER, Prompt, normal, prompt, prompts, word_error_rate

WORDS: Final = {
    **{str(n): word for n, word in enumerate("zero one two three four five six seven eight nine ten eleven".split())},
    **{str(n): f"{word}teen" for n, word in zip((14, 16, 17, 18, 19), "four six seven eigh nine".split(), strict=True)},
    "12": "twelve", "13": "thirteen", "15": "fifteen", "20": "twenty", "30": "thirty", "40": "forty", "50": "fifty",
    "60": "sixty", "70": "seventy", "80": "eighty", "90": "ninety", "100": "hundred", "1000": "thousand",
}  # fmt: skip
SAME: Final = {
    "i'm": "i am", "you're": "you are", "you've": "you have", "we're": "we are", "that's": "that is", "it's": "it is",
    "log in": "login", "black list": "blacklist", "mail box": "mailbox", "represenatives": "representatives",
    "un-indentified": "unidentified", "witheld": "withheld",
}  # fmt: skip
"""Ways to write the same sounds; the last three are slips in the script."""
DIGITS: Final = [f"digits/{name}" for name in WORDS if (FOLDER / "digits" / f"{name}.wav").exists()]


@dataclass(frozen=True, slots=True)
class Heard:
    prompt: Prompt
    text: str
    cpu_ms: float


async def hear(asr: WhisperAsr, chosen: Sequence[Prompt]) -> list[Heard]:
    heard = []
    for item in chosen:
        audio, begun = item.wide, time.process_time()
        hypothesis = await asr.decode(Request(audio, language="English", final=True))
        heard.append(Heard(item, hypothesis.text, 1000 * (time.process_time() - begun)))
    return heard


def spelled(text: str) -> str:
    """Write out what is the same to the ear: "17" and "seventeen", "I'm" and "I am", "log in" and "login"."""
    text = re.sub(r"\(.*?\)", "", text.lower().replace(",", ""))
    for short, long in SAME.items():
        text = re.sub(rf"\b{short}\b", long, text)
    return re.sub(r"\d+", lambda number: WORDS.get(number[0], number[0]), text)


def report(title: str, heard: Sequence[Heard], *, verbose: bool) -> None:
    said, got = [spelled(h.prompt.text) for h in heard], [spelled(h.text) for h in heard]
    wrong = [(s, g) for s, g in zip(said, got, strict=True) if normal(s) != normal(g)]
    seconds = sum(h.prompt.seconds for h in heard)
    cpu = [h.cpu_ms for h in heard]
    print(
        f"{title}: {len(heard)} utterances, {seconds:.0f} s, {sum(len(normal(s).split()) for s in said)} words: "
        f"WER {100 * word_error_rate(said, got):.2f} %, {len(wrong)} utterances with an error, "
        f"{sum(not h.text for h in heard)} empty; "
        f"CPU ms a decode: median {statistics.median(cpu):.0f}, max {max(cpu):.0f}"
    )
    if verbose:
        for s, g in wrong:
            print(f"  {s!r} -> {g!r}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny.en", help="name, folder or hub id (default tiny.en)")
    parser.add_argument("--prompts", type=int, default=120, metavar="N", help="sentences to decode (default 120)")
    parser.add_argument("--verbose", action="store_true", help="print each utterance with an error")
    options = parser.parse_args()
    cpu = time.process_time()
    asr = await asyncio.to_thread(WhisperAsr.load, options.model)
    print(f"{asr.name}: load and warm-up {1000 * (time.process_time() - cpu):.0f} CPU ms")
    sentences = prompts(options.prompts, shortest_s=1.0, longest_s=29.0)
    report("sentences", await hear(asr, sentences), verbose=options.verbose)
    report("numbers", await hear(asr, [prompt(name) for name in DIGITS]), verbose=options.verbose)
    await asyncio.to_thread(asr.close)


if __name__ == "__main__":
    asyncio.run(main())
