"""The baseline: how the demo of the qwen-asr package serves its sessions, described in our words and on any vLLM.

One synchronous engine behind one lock, so a batch is always one decode. Each session re-feeds all of its audio after
every second, as a single item, in the order it came: a decode that is late delays the next, none is left out and no
final goes first. The first 4 hypotheses are thrown away; from then on the last 5 tokens are.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final

from figures import Results
from live import LATE_MS, Climb, Level
from spoken_load import TURN_S, Outcome, Spoken, crowd, sleep_until

from bridge.settings import Settings
from bridge.speech.api import SAMPLE_RATE, Samples
from bridge.speech.backends.qwen3 import parse, prompt

if TYPE_CHECKING:
    from vllm import LLM

CHUNK_S: Final = 1.0
UNFIXED_CHUNKS: Final = 4
UNFIXED_TOKENS: Final = 5
MAX_NEW_TOKENS: Final = 32


@dataclass(slots=True)
class OneAtATime:
    """The engine and the lock around it: a single thread."""

    llm: "LLM"
    thread: ThreadPoolExecutor
    partial_ms: list[float] = field(default_factory=list)
    """From asking to answer, the wait for the lock included."""
    final_ms: list[float] = field(default_factory=list)

    @classmethod
    def load(cls, settings: Settings) -> "OneAtATime":
        """Start the engine with what `settings` give ours, but for what the demo does not use. Blocks."""
        thread = ThreadPoolExecutor(1, "one-at-a-time")
        return cls(thread.submit(_load, settings).result(), thread)

    async def listen(self, said: Spoken) -> Outcome:
        """Hear one utterance in real time, a chunk a second."""
        loop, outcome, raw = asyncio.get_running_loop(), Outcome(said), ""
        begun, step = loop.time(), int(CHUNK_S * SAMPLE_RATE)
        for chunk, end in enumerate(range(step, len(said.audio) + 1, step)):
            await sleep_until(begun + end / SAMPLE_RATE)
            raw = await self._decode(said.audio[:end], raw, chunk, self.partial_ms)
            outcome.last_partial = _text(raw) or outcome.last_partial
            if outcome.last_partial and outcome.first_partial_ms is None:
                outcome.first_partial_ms = 1000 * (loop.time() - begun)
        ended = begun + said.seconds + TURN_S
        await sleep_until(ended)
        chunks = len(said.audio) // step
        outcome.final = _text(await self._decode(said.audio, raw, chunks, self.final_ms))
        outcome.final_wait_ms = 1000 * (loop.time() - ended)
        return outcome

    def climb(self, said: Sequence[Spoken]) -> Climb:
        """Callers through this engine."""

        async def climb(sessions: int, seconds: float) -> Level:
            self.partial_ms, self.final_ms = [], []
            outcomes = await crowd(self.listen, said, sessions=sessions, seconds=seconds)
            return Level(sessions, outcomes, self.partial_ms, self.final_ms, {})

        return climb

    def close(self) -> None:
        self.thread.submit(self.llm.llm_engine.engine_core.shutdown).result()
        self.thread.shutdown()

    async def _decode(self, audio: Samples, raw: str, chunk: int, took_ms: list[float]) -> str:
        asked = perf_counter()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self.thread, self._generate, audio, raw, chunk)
        took_ms.append(1000 * (perf_counter() - asked))
        return answer

    def _generate(self, audio: Samples, raw: str, chunk: int) -> str:
        from vllm import SamplingParams

        prefix = self._kept(raw) if chunk >= UNFIXED_CHUNKS else ""
        text = prompt(windows=1, context="", language=None, prefix="") + prefix
        [output] = self.llm.generate(
            [{"prompt": text, "multi_modal_data": {"audio": [audio]}}],
            SamplingParams(temperature=0.0, max_tokens=MAX_NEW_TOKENS),
            use_tqdm=False,
        )
        return prefix + str(output.outputs[0].text)

    def _kept(self, raw: str) -> str:
        tokenizer = self.llm.get_tokenizer()
        tokens: Sequence[int] = tokenizer.encode(raw)
        for back in range(UNFIXED_TOKENS, len(tokens)):
            kept = str(tokenizer.decode(tokens[: len(tokens) - back]))
            if "\N{REPLACEMENT CHARACTER}" not in kept:
                return kept
        return ""


def _text(raw: str) -> str:
    pieces, _ = parse([raw], None)
    return "".join(pieces).strip()


def _load(settings: Settings) -> "LLM":
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from vllm import LLM

    optional: dict[str, int] = {}
    if settings.vllm_kv_cache_mb:
        optional["kv_cache_memory_bytes"] = settings.vllm_kv_cache_mb << 20
    if settings.vllm_block_size:
        optional["block_size"] = settings.vllm_block_size
    return LLM(
        settings.asr_model_path,
        dtype=settings.vllm_dtype,
        max_model_len=settings.vllm_max_model_len,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        enforce_eager=not settings.vllm_cuda_graphs,
        limit_mm_per_prompt={"audio": 1},
        disable_log_stats=True,
        **optional,
    )


_COMPARED: Final = {
    "final wait ms ": ("p50", "p95"),
    "final decode ms ": ("p50", "p95"),
    "partial decode ms ": ("p50", "p95"),
    "words wrong, % ": ("",),
}


def side_by_side(ours: Sequence[Level], theirs: Sequence[Level]) -> Results:
    """Return a row for each number of callers, and where each way first was late."""
    results: Results = {}
    ways = (("batched", ours), ("one at a time", theirs))
    for count in sorted({level.sessions for level in (*ours, *theirs)}):
        each = [(way, level.row) for way, levels in ways for level in levels if level.sessions == count]
        results[f"{count} callers, batched and one at a time"] = {
            f"{what}{way} {number}".strip(): row[f"{what}{number}".strip()]
            for what, numbers in _COMPARED.items()
            for way, row in each
            for number in numbers
        }
    results[f"callers at which finals (p95) come later than {LATE_MS} ms"] = {
        name: next((level.sessions for level in levels if level.late), f"over {levels[-1].sessions}")
        for name, levels in ways
    }
    return results
