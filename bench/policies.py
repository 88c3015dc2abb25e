"""What the streaming policy gives and what it costs, against the original's. The policies are played by flicker.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import numpy as np
from asr import spelled
from figures import Results
from flicker import Instant, figures, original, ours, overhead_us, play, windows
from integration.recordings import Prompt
from pools import options, pool
from sounds import words_differing

from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Request
from bridge.speech.backends.silero import SileroVad
from bridge.speech.pool import Pool


async def policies(settings: Settings, prompts: Sequence[Prompt]) -> AsyncIterator[Results]:
    """Play `prompts` through both; a row for each, and one for each cost."""
    vad = await asyncio.to_thread(SileroVad.load)
    said = [(prompt, await windows(prompt, vad.open())) for prompt in prompts]
    finals: list[list[str]] = []
    async with pool(settings) as asr:
        for name, rule in ("the original policy", original), ("our policy", ours):
            played = await play(rule, said, asr, options(settings))
            yield {name: {title: float(f"{value:.3g}") for title, value in figures(played).items()}}
            finals.append([spelled(outcome.final) for outcome in played])
    differing = words_differing(finals[1], finals[0])
    yield {"final with prefix against final without": {"words differing, %": differing}}
    yield {"policy, CPU us a decode, no engine": {"mean": round(await overhead_us())}}
    yield {"pool, CPU us a decode, no engine": {"mean": round(await _pool_us())}}


async def _pool_us(*, decodes: int = 200) -> float:
    """Return what checking 10 s of audio and choosing an engine cost."""
    asr = Pool([Instant()], timeout_s=5)
    request = Request(np.random.default_rng(1).uniform(-0.3, 0.3, 10 * SAMPLE_RATE).astype(np.float32), key="u")
    begun = time.process_time()
    for _ in range(decodes):
        await asr.decode(request)
    return 1e6 * (time.process_time() - begun) / decodes
