"""What the documents tell people to type, on a Ray cluster that it starts and ends."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from bridge.speech.api import EngineFailed, Request
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions

pytest.importorskip("ray", reason="Ray is in an environment of its own: make test-ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(200)]

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 90
SECOND: Final = np.zeros(16_000, np.float32)


async def started(*command: str) -> asyncio.subprocess.Process:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {
        **os.environ,
        "PATH": path,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(ROOT / "tests/support"),
    }
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


@asynccontextmanager
async def running(*command: str, until: str) -> AsyncIterator[str]:
    """Run it until it has said `until`, give the line, and end it by SIGTERM: it leaves no cluster behind."""
    process, said = await started(*command), ""
    try:
        async with asyncio.timeout(START_S):
            while until not in said:
                assert process.stdout
                line = (await process.stdout.readline()).decode()
                assert line, said
                said += line
        yield said
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await process.communicate()
    assert process.returncode == 0, said


async def asked(address: str) -> str:
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=address, app="asr"))
    try:
        return (await asr.decode(Request(SECOND, key="hello"))).text
    finally:
        await asyncio.to_thread(asr.close)


async def test_without_a_cluster_the_command_starts_one_that_ends_with_it() -> None:
    flags = ("--asr", "timed_asr:TimedAsr", "--replicas", "1", "--cpus", "0.5")
    async with running("bridge", "asr-pool", *flags, until="is up") as said:
        [address] = re.findall(r"--ray-address (\S+:\d+) --ray-app asr", said)
        assert (await asked(address)).startswith("hello ")
        assert (await asked("auto")).startswith("hello ")
    with pytest.raises(EngineFailed, match="ray start --address"):
        await asked("auto")


async def test_the_file_for_ray_serve_runs_whisper_and_a_bridge_outside_reaches_it_through_the_head() -> None:
    head = await started("ray", "start", "--head", "--node-ip-address=127.0.0.1", "--num-cpus=4", "--port=6399")
    output = (await head.communicate())[0].decode()
    assert head.returncode == 0, output
    try:
        deploy = await started("serve", "run", "--address=127.0.0.1:6399", "--non-blocking", "config/asr_pool.yaml")
        output = (await deploy.communicate())[0].decode()
        assert deploy.returncode == 0, output
        assert await asked("ray://127.0.0.1:10001") == ""
        with pytest.raises(EngineFailed, match="no application 'other'"):
            await asyncio.to_thread(RayAsr, PoolOptions(address="127.0.0.1:6399", app="other"))
    finally:
        await (await started("ray", "stop", "--force")).communicate()
