"""Calls over the wire to a bridge whose recognisers are on a Ray cluster that is changed and broken meanwhile."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from integration.hearing import hear_out, transcribe
from integration.ray_callers import FINAL, QUIET, QUIET_FLAGS, talk_during
from integration.ray_cluster import TIMED, RayCluster, pid_in, ray_cluster
from integration.recordings import normal, prompt
from integration.server import serve
from server_process import serving

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.api import Request
from bridge.speech.backends.ray import RayAsr
from bridge.speech.backends.ray.messages import PoolOptions
from bridge.speech.backends.whisper import WhisperAsr

pytest.importorskip("ray", reason="Ray is in an environment of its own: make test-ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Shows a line of what was measured."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")

    return show


async def test_no_final_of_twenty_calls_is_lost_or_comes_twice_whatever_happens_to_the_cluster(
    cluster: RayCluster, record: Callable[[str], None]
) -> None:
    cluster.pool(*TIMED, "--asr-model-path", "0.05", "--replicas", "4")

    def kill_a_replica() -> None:
        os.kill(int(FINAL.findall(server.said)[-1][3]), signal.SIGKILL)

    events: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "a replica is killed": kill_a_replica,
        "one of three nodes is killed": cluster.kill_node,
        "6 replicas instead of 4": lambda: cluster.pool(*TIMED, "--asr-model-path", "0.05", "--replicas", "6"),
        "2 instead of 6": lambda: cluster.pool(*TIMED, "--asr-model-path", "0.05", "--replicas", "2"),
        "another engine, replica by replica": lambda: cluster.pool(
            *TIMED, "--asr-model-path", "0.04", "--replicas", "2"
        ),
    }
    flags = ("--asr", "ray", "--ray-address", cluster.address, *QUIET_FLAGS)
    async with serving(*flags, env=QUIET) as server:
        for what, happens in events.items():
            assert await talk_during(server, what, happens, record) < 8000


async def test_a_pool_grows_while_decodes_wait(cluster: RayCluster, record: Callable[[str], None]) -> None:
    cluster.pool(*TIMED, "--asr-model-path", "0.3", "--replicas", "1-3", "--ray-app", "grows")
    asr = await asyncio.to_thread(RayAsr, PoolOptions(address=cluster.address, app="grows"))
    begun, seen, asked = time.monotonic(), dict[int, float](), 0

    async def keep_asking(number: int) -> None:
        nonlocal asked
        while len(seen) < 2:
            asked += 1
            request = Request(np.zeros(16_000, np.float32), final=True, key=f"{number}-{asked}")
            seen.setdefault(pid_in((await asr.decode(request)).text), time.monotonic() - begun)

    async with asyncio.timeout(90):
        await asyncio.gather(*map(keep_asking, range(4)))
    await asyncio.to_thread(asr.close)
    record(f"a second replica answered {max(seen.values()):.0f} s after decodes began to wait")


async def test_a_call_is_recognised_by_whisper_on_the_cluster(cluster: RayCluster, ears: WhisperAsr) -> None:
    cluster.pool("--asr", "whisper", "--asr-threads", "1", "--replicas", "1", "--ray-app", "words")
    flags = ("--asr", "ray", "--ray-address", cluster.address, "--ray-app", "words", "--bot", "echo")
    async with serve(*flags) as server, dial(server.twilio) as phone:
        assert "whisper-tiny.en on Ray, 1 replicas" in server.log
        await hear_out(phone, after_ms=0)
        ended_ms = await phone.say(prompt("conf-locked").mulaw)
        _, answer = await hear_out(phone, after_ms=ended_ms)
        assert "this conference is locked" in normal(await transcribe(ears, answer))
        await phone.hang_up()
