"""`--asr ray` with `--workers`: each worker has a way of its own to the pool, and they share its replicas."""

import os
import signal
import sys
import time
from collections.abc import Callable

import pytest
from integration.processes import alive, children_of
from integration.ray_callers import QUIET, QUIET_FLAGS, talk_during
from integration.ray_cluster import TIMED, ray_cluster
from server_process import serving

pytest.importorskip("ray", reason="Ray is in an environment of its own: make test-ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def record(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Shows a line of what was measured."""

    def show(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {line}")

    return show


async def test_two_workers_of_one_server_ask_one_pool_and_no_final_is_lost_while_they_are_replaced(
    record: Callable[[str], None],
) -> None:
    with ray_cluster(1) as cluster:
        cluster.pool(*TIMED, "--asr-model-path", "0.05", "--replicas", "2")
        await _ask_it_with_two_workers(cluster.address, record)


async def _ask_it_with_two_workers(address: str, record: Callable[[str], None]) -> None:
    flags = ("--workers", "2", "--asr", "ray", "--ray-address", address, *QUIET_FLAGS)
    async with serving(*flags, env=QUIET) as server:
        assert "timed on Ray, 2 replicas" in server.said

        def replace_workers() -> None:
            server.signal(signal.SIGUSR2)
            while "all workers are replaced" not in server.said:
                time.sleep(0.1)

        assert await talk_during(server, "two workers", lambda: None, record) < 8000
        assert min(server.count(f"INFO #{number} bridge.server.switchboard") for number in (1, 2)) > 1
        assert await talk_during(server, "they are replaced", replace_workers, record) < 8000
        second = children_of(server.process.pid)[-1]
        [on_ray] = children_of(second)
        os.kill(second, signal.SIGKILL)
        await server.says("worker 2 serves again", timeout_s=60)
        assert not alive(on_ray), "what a worker had on Ray ends with it"
        assert await talk_during(server, "one was killed before", lambda: None, record) < 8000
