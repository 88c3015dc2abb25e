"""pytest collects scenarios, and only where it is meant to."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

SCENARIO = "faults: [none, gaps]\ntimes: 2\nsteps: [say: x]\n"


def collected(folder: Path, *arguments: str, ini: str = "") -> tuple[int, str]:
    """Run pytest in `folder`; return its exit code, and what it says."""
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", "-q", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_scenario_is_a_test_for_each_of_its_calls(tmp_path: Path) -> None:
    (tmp_path / "booking.scenario.yaml").write_text(SCENARIO)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    code, text = collected(tmp_path)
    assert code == 0
    assert [line for line in text.splitlines() if "::" in line] == [
        "booking.scenario.yaml::booking, call 1",
        "booking.scenario.yaml::booking, call 2",
        "booking.scenario.yaml::booking over gaps, call 1",
        "booking.scenario.yaml::booking over gaps, call 2",
    ]


def test_another_yaml_file_is_one_where_it_is_named_and_asked_for(tmp_path: Path) -> None:
    (tmp_path / "booking.yaml").write_text(SCENARIO)
    assert "booking.yaml::" not in collected(tmp_path)[1]
    code, text = collected(tmp_path, "--bridge-scenarios", "booking.yaml", "--bridge-eval=--times 1")
    assert code == 0 and text.count("booking.yaml::") == 2


def test_a_bad_scenario_and_bad_flags_are_told(tmp_path: Path) -> None:
    (tmp_path / "booking.scenario.yaml").write_text("steps: [sey: x]\n")
    code, text = collected(tmp_path)
    assert code == 2 and "booking.scenario.yaml:1: step 1: 'sey' is no step, did you mean say?" in text
    assert "Traceback" not in text
    (tmp_path / "booking.scenario.yaml").write_text(SCENARIO)
    code, text = collected(tmp_path, ini="bridge_eval = --parallel none\n")
    assert code == 2 and "--parallel" in text
