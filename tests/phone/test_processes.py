"""What a server of the benchmark uses, and one that does not start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from phone.processes import DidNotStart, Kind, started, used

SPINS = """
import time
while time.process_time() < 0.4: pass
print(flush=True)
input()
"""
WITH_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPINS!r}])"


def test_the_cpu_of_a_child_belongs_to_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        spent = used(process.pid)
        process.communicate("\n")
    assert 0.25 <= spent.cpu_s < 5
    assert spent.rss_mb > 10


def test_what_is_gone_uses_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert (used(process.pid).cpu_s, used(process.pid).rss_mb) == (0, 0)


async def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    venv = tmp_path / "venv" / "bin"
    venv.mkdir(parents=True)
    os.symlink(sys.executable, venv / "python")
    kind = Kind(str(tmp_path / "venv"), ("-c", "raise SystemExit('no model')"), "/", "broken")
    with pytest.raises(DidNotStart, match="no model"):
        async with started(kind, tmp_path):
            pass


async def test_an_environment_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="make tools-bench-phone"):
        async with started(Kind(str(tmp_path), (), "/", "absent"), tmp_path):
            pass
