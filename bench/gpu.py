"""How many callers one GPU hears: decode time by length of audio and batch, and speakers at once, on vLLM in process.

    python bench/gpu.py --shape 0.6B [--json FILE]
    python bench/gpu.py --asr-model-path Qwen/Qwen3-ASR-1.7B
    python bench/gpu.py --shape tiny --vllm-kv-cache-mb 64 --vllm-block-size 32 --no-vllm-cuda-graphs   # any CPU

--shape makes a checkpoint of that size with random weights and bounds each answer to the tokens that so much speech
has, so nothing is downloaded and the time is that of the true model. It takes every option of `bridge serve` too.

IT HAS NOT BEEN RUN ON A GPU YET, only with --shape tiny on a CPU, which proves that it runs and nothing about speed.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from checkpoint import SHAPES, make
from figures import Results, Row, announce, keep, machine, show, spread
from live import LENGTHS_S, ladder, ours
from pools import options, pool
from sounds import long_speech, speech
from spoken_load import listener

from bridge.settings import Settings, SettingsError, add_flags, load
from bridge.speech.api import SAMPLE_RATE, Ended, Hypothesis, Recogniser, Request, Samples
from bridge.speech.pool.wrapped import WrappedRecogniser

BATCHES: Final = (1, 4, 16, 64)
SPEAKERS: Final = (1, 8, 16, 32, 48, 64, 96, 128, 192, 256)
SOON_MS: Final = 300
"""A final's decode that is slower (p95) is one a caller waits for."""
TOKENS_A_SECOND: Final = 3.4
"""Of Qwen3-ASR on English speech."""


class Measured(WrappedRecogniser):
    """A recogniser whose answers have as many tokens as speech of that length has: for weights that mean nothing."""

    stopped = 0
    """Answers that ended before their tokens were there: then the weights are not what checkpoint.py makes."""

    async def decode(self, request: Request, /) -> Hypothesis:
        known = len(request.prefix.split())
        tokens = max(1, round(TOKENS_A_SECOND * len(request.audio) / SAMPLE_RATE) - known)
        hypothesis = await self._asr.decode(replace(request, max_new_tokens=tokens))
        self.stopped += hypothesis.ended is not Ended.LENGTH
        return replace(hypothesis, ended=Ended.STOP)  # else it would be continued


async def batches(asr: Recogniser, audio: Samples, *, rounds: int) -> Results:
    """Decode so many utterances of one length at once, none of them in any cache."""
    results: Results = {}
    for seconds in LENGTHS_S:
        for batch in BATCHES:
            took: list[float] = []
            spent_s = 0.0
            for turn in range(rounds + 1):  # the first warms up
                begun = time.perf_counter()
                each = await asyncio.gather(*(_timed(asr, audio, seconds, turn * batch + n) for n in range(batch)))
                if turn:
                    took += each
                    spent_s += time.perf_counter() - begun
            row: Row = {**spread(took), "decodes a second": round(rounds * batch / spent_s, 1)}
            results[f"{seconds} s of audio, {batch} at once, ms"] = row
    return results


async def _timed(asr: Recogniser, audio: Samples, seconds: int, number: int) -> float:
    begin = number * 160 % (len(audio) - seconds * SAMPLE_RATE)
    begun = time.perf_counter()
    await asr.decode(Request(audio[begin : begin + seconds * SAMPLE_RATE], language="English", final=True))
    return 1000 * (time.perf_counter() - begun)


async def run(settings: Settings, *, random: bool, quick: bool) -> Results:
    said = speech("vocabulary" if random else "recordings", 24)
    counts = SPEAKERS[:2] if quick else SPEAKERS
    asked = replace(options(settings), language="English")
    async with pool(settings) as engine:
        asr: Recogniser = Measured(engine) if random else engine
        results = await batches(asr, long_speech(said, 60), rounds=1 if quick else 4)
        show(results)
        carried = 0
        climb = ours(asr, lambda metered: listener(metered, asked), said)
        async for level in ladder(climb, counts, seconds=4 if quick else 15):
            row = {name: value for name, value in level.row.items() if not (random and name.startswith("words"))}
            results[title := f"{level.sessions} speakers at once"] = row
            show({title: row})
            if float(spread(level.final_ms)["p95"]) >= SOON_MS:
                break
            carried = level.sessions
    speakers: Results = {
        f"speakers with finals decoded in {SOON_MS} ms (p95)": {"n": carried, "of at most": counts[-1]}
    }
    if isinstance(asr, Measured):
        speakers["answers that ended too soon"] = {"n": asr.stopped}
    show(speakers)
    return results | speakers


@contextmanager
def _model(shape: str, settings: Settings) -> Iterator[Settings]:
    """Give the settings with the model that is measured, made where a shape is asked for."""
    if not shape:
        yield settings.model_copy(update={"asr": ("vllm",)})
        return
    with tempfile.TemporaryDirectory(prefix="qwen3-asr-") as folder:
        make(shape, Path(folder))
        yield settings.model_copy(update={"asr": ("vllm",), "asr_model_path": folder})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shape", choices=SHAPES, default="", help="random weights of this size; else --asr-model-path"
    )
    parser.add_argument("--quick", action="store_true", help="only show that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here too")
    add_flags(parser)
    flags = parser.parse_args()
    try:
        settings = load(flags)
    except SettingsError as error:
        parser.error(str(error))
    if not flags.shape and not settings.asr_model_path:
        parser.error("give --shape or --asr-model-path")
    about = {**machine(), "model": f"{flags.shape}, random weights" if flags.shape else settings.asr_model_path}
    announce(about)
    with _model(flags.shape, settings) as chosen:
        results = asyncio.run(run(chosen, random=bool(flags.shape), quick=flags.quick))
    keep(flags.json, about, results)


if __name__ == "__main__":
    main()
