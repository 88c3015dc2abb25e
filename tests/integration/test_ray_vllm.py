"""Qwen3-ASR on vLLM in the pool: a replica holds an engine, and goes with it."""

import asyncio
import os
import shutil
import signal
from pathlib import Path
from typing import Final

import pytest
from integration.processes import engines_of
from integration.ray_cluster import ray_cluster
from spoken import spoken

from bridge.speech.api import EngineFailed, Request, Samples
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions

BOTH: Final = "Ray and vLLM are in an environment of their own: make test-ray-vllm"
pytest.importorskip("ray", reason=BOTH)
pytest.importorskip("vllm", reason=BOTH)

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

MODEL: Final = Path(__file__).parents[1] / "data" / "tiny-qwen3-asr"
ON_CPU: Final = (
    *("--asr", "vllm", "--asr-model-path", str(MODEL), "--gpus", "0", "--no-vllm-cuda-graphs"),
    *("--vllm-kv-cache-mb", "64", "--vllm-block-size", "32", "--vllm-max-model-len", "1024"),
    *("--vllm-max-num-batched-tokens", "2048", "--vllm-max-num-seqs", "16"),
)
LOADED_S: Final = 400
"""Half a minute on two idle cores, several on busy ones."""


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed: make test-vllm installs it")
async def test_words_are_heard_by_vllm_on_the_cluster_and_again_after_its_engine_was_killed() -> None:
    audio = spoken("four please agent")
    with ray_cluster(1) as cluster:
        await asyncio.to_thread(cluster.pool, *ON_CPU, "--replicas", "1", within_s=LOADED_S)
        asr = await asyncio.to_thread(RayAsr, PoolOptions(address=cluster.address, app="asr"))
        try:
            assert asr.device.startswith("vllm-tiny-qwen3-asr on Ray, 1 replicas")
            heard = await asr.decode(Request(audio, final=True, key="first"))
            assert (heard.text, heard.language) == ("four please agent", "English")
            more = await asr.decode(Request(audio, prefix="four please", language="English", key="first"))
            assert more.text.strip() == "agent"
            [engine] = engines_of(os.getpid())
            os.kill(engine, signal.SIGKILL)
            with pytest.raises(EngineFailed):
                await asr.decode(Request(audio, final=True, timeout_s=5))
            async with asyncio.timeout(LOADED_S):
                assert await _heard_again(asr, audio) == "four please agent"
        finally:
            await asyncio.to_thread(asr.close)


async def _heard_again(asr: RayAsr, audio: Samples) -> str:
    """Ask until there is an answer, as the bridge does: Ray lists a replica for a moment after its engine died."""
    while True:
        try:
            return (await asr.decode(Request(audio, final=True))).text
        except EngineFailed:
            await asyncio.sleep(0.5)
