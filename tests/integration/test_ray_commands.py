"""What the documents tell people to type, on a Ray cluster that it starts and ends."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
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


@pytest.fixture(autouse=True)
def _as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tokens and addresses that somebody left in their home and environment."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


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


async def asked(address: str) -> str:
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=address, app="asr"))
    try:
        return (await asr.decode(Request(SECOND, key="hello"))).text
    finally:
        await asyncio.to_thread(asr.close)


async def said(*command: str) -> str:
    """Run it, and return what it says."""
    process = await started(*command)
    async with asyncio.timeout(START_S):
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


@pytest.fixture
async def head() -> AsyncIterator[str]:
    """The address of a cluster as people start it."""
    address = "127.0.0.1:6399"
    await said("ray", "start", "--head", "--num-cpus=4", f"--port={address[-4:]}")
    yield address
    await said("ray", "stop", "--force")


async def test_the_commands_of_the_documents_make_a_pool_that_bridges_reach_from_inside_and_outside(head: str) -> None:
    with pytest.raises(EngineFailed, match=r"no application 'asr' runs on this Ray cluster \(there: none\)"):
        await asked(head)
    await said("serve", "run", f"--address={head}", "--non-blocking", "config/asr_pool.yaml")
    assert await asked(head) == ""
    assert await asked("ray://127.0.0.1:10001") == ""
    pool = await started(*("bridge", "asr-pool", "--asr", "timed_asr:TimedAsr", "--replicas", "1", "--cpus", "0.5"))
    assert pool.stdout
    while "is up" not in (line := (await asyncio.wait_for(pool.stdout.readline(), START_S)).decode()):
        assert line
    assert (await asked("auto")).startswith("hello ")
    pool.send_signal(signal.SIGTERM)
    await asyncio.wait_for(pool.communicate(), START_S)
    assert pool.returncode == 0
    with pytest.raises(EngineFailed, match="no application 'asr'"):
        await asked(head)


async def test_where_there_is_no_cluster_the_command_that_starts_one_is_told() -> None:
    with pytest.raises(EngineFailed, match=r"no Ray at 'auto' .* `ray start --head`"):
        await asked("auto")


async def test_a_bridge_finds_its_pool_again_after_the_whole_cluster_was_started_anew(head: str) -> None:
    pool = ("bridge", "asr-pool", "--asr", "timed_asr:TimedAsr", "--replicas", "1", "--cpus", "0.5", "--detach")
    await said(*pool, "--ray-address", head)
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=head, app="asr"))
    assert (await asr.decode(Request(SECOND, key="before"))).text.startswith("before ")
    await said("ray", "stop", "--force")
    with pytest.raises(EngineFailed):
        await asr.decode(Request(SECOND, timeout_s=3))
    await said("ray", "start", "--head", "--num-cpus=4", f"--port={head[-4:]}")
    await said(*pool, "--ray-address", head)
    async with asyncio.timeout(60):
        while not await asr.healthy():  # noqa: ASYNC110 - it is what the pool asks
            await asyncio.sleep(0.25)
    assert (await asr.decode(Request(SECOND, key="after"))).text.startswith("after ")
    await asyncio.to_thread(asr.close)
