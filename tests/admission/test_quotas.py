"""What may be had so many times is counted in one process, or over several that may die."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.admission.quotas import OwnQuotas, Quotas, SharedQuotas

_HOLDS_TWO = """
import sys, time
from pathlib import Path
from bridge.admission.quotas import SharedQuotas
quotas = SharedQuotas(Path(sys.argv[1]), share=0.5)
held = [quotas.take("calls", 3), quotas.take("calls", 3)]
print("holds", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=[lambda path: OwnQuotas(), SharedQuotas], ids=["own", "shared"])
def quotas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Quotas]:
    make: Callable[[Path], Quotas] = request.param
    yield (quotas := make(tmp_path / "quotas"))
    if isinstance(quotas, SharedQuotas):
        quotas.close()


def test_no_more_is_had_than_the_limit_and_what_is_given_back_can_be_had_again(quotas: Quotas) -> None:
    held = [quotas.take("calls", 2), quotas.take("calls", 2)]
    assert all(held) and quotas.full("calls", 2) and quotas.take("calls", 2) is None
    assert held[0]
    held[0]()
    assert not quotas.full("calls", 2) and quotas.take("calls", 2) is not None
    assert quotas.full("calls", 2)


def test_each_name_is_counted_apart(quotas: Quotas) -> None:
    assert quotas.take("calls", 1) and quotas.take("clients", 1)
    assert quotas.full("calls", 1) and not quotas.full("address 10.0.0.1", 1)


def test_what_another_process_has_counts_until_it_dies(tmp_path: Path) -> None:
    path = tmp_path / "quotas"
    quotas = SharedQuotas(path)
    with subprocess.Popen([sys.executable, "-c", _HOLDS_TWO, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"holds\n"
        assert quotas.take("calls", 3) and quotas.take("calls", 3) is None and quotas.full("calls", 3)
        assert not quotas.full("clients", 1)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert quotas.take("calls", 3) and quotas.take("calls", 3) and quotas.full("calls", 3)
    quotas.close()
