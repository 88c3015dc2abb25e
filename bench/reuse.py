"""What an engine need not compute again as an utterance grows, with windows of 8 s and without."""

import time
from collections.abc import Mapping
from statistics import median

import numpy as np
from figures import Results, Row
from pools import pool

from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Recogniser, Request, Samples

LENGTHS_S = tuple(range(1, 25))
SHOWN_S = (1, 4, 8, 9, 12, 16, 17, 20, 24)

_Grown = Mapping[int, tuple[float, float]]
"""(cached tokens, ms) by seconds of audio."""


async def reuse(settings: Settings, speech: Samples) -> Results:
    """`speech`: 24 s at least. The engine is loaded twice."""
    both: dict[bool, _Grown] = {}
    for windows in (True, False):
        async with pool(settings.model_copy(update={"vllm_audio_windows": windows})) as asr:
            both[windows] = await grow(asr, speech)
    return {
        f"utterance grown to {seconds} s, {seconds * 13} audio tokens": _row(both[True][seconds], both[False][seconds])
        for seconds in SHOWN_S
    }


async def grow(asr: Recogniser, speech: Samples, *, utterances: int = 5) -> _Grown:
    """Decode `utterances` utterances after every second, as partials are; medians over the utterances."""
    taken: dict[int, list[tuple[int, float]]] = {seconds: [] for seconds in LENGTHS_S}
    for number in range(utterances + 1):  # the first warms up
        audio = np.roll(speech, number * 12_345)  # another utterance: nothing of it is in a cache
        for seconds in LENGTHS_S:
            request = Request(
                audio[: seconds * SAMPLE_RATE], language="English", max_new_tokens=8, key=f"grown-{number}"
            )
            begun = time.perf_counter()
            hypothesis = await asr.decode(request)
            if number:
                taken[seconds].append((hypothesis.cached_tokens, 1000 * (time.perf_counter() - begun)))
    return {seconds: (median(c for c, _ in each), median(ms for _, ms in each)) for seconds, each in taken.items()}


def _row(windows: tuple[float, float], single: tuple[float, float]) -> Row:
    return {
        "cached, windows": windows[0],
        "cached, one item": single[0],
        "ms, windows": round(windows[1], 1),
        "ms, one item": round(single[1], 1),
        "time saved, %": round(100 * (1 - windows[1] / single[1])),
    }
