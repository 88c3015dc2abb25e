"""A Ray cluster of several nodes on this machine, and the pool on it as its users start it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

_START_S: Final = 120


class RayCluster:
    """A head without replicas, and nodes with room for two replicas a core."""

    def __init__(self, nodes: int, *, cpus: int = 2) -> None:
        from ray.cluster_utils import Cluster
        from ray.util import get_node_ip_address

        # Not loopback: whoever joins takes that for this address, and would not find the head.
        common = {"node_ip_address": get_node_ip_address(), "object_store_memory": 100 << 20}
        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **common})
        self.nodes: list[Any] = [self._cluster.add_node(num_cpus=cpus, wait=False, **common) for _ in range(nodes)]
        self._cluster.wait_for_nodes()
        self.address: str = self._cluster.address

    def kill_node(self) -> None:
        """As a machine goes whose power fails: nothing on it says good-bye."""
        self._cluster.remove_node(self.nodes.pop(), allow_graceful=False)

    def pool(self, *flags: str, within_s: float = _START_S) -> str:
        """Deploy the pool, or renew it; return what the command says."""
        bridge = Path(sys.executable).with_name("bridge")
        command = [str(bridge), "asr-pool", "--ray-address", self.address, "--cpus", "0.5", "--detach", *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)
        assert not done.returncode, done.stderr
        return done.stdout

    def close(self) -> None:
        self._cluster.shutdown()


@contextmanager
def ray_cluster(nodes: int, *, cpus: int = 2) -> Iterator[RayCluster]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_AUTH_MODE", "disabled")  # or it is what somebody left in their home
        environment.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # the engine is timed_asr, beside us
        environment.delenv("RAY_ADDRESS", raising=False)
        cluster = RayCluster(nodes, cpus=cpus)
        try:
            yield cluster
        finally:
            cluster.close()


TIMED: Final = ("--asr", "timed_asr:TimedAsr", "--asr-threads", "1")


def pid_in(text: str) -> int:
    """Return the process that answered, which TimedAsr says behind the key."""
    return int(text.rsplit(maxsplit=1)[-1])
