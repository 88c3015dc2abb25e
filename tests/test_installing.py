"""The ways to install that documents and errors name, each done once in an environment of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed and of what is not yet."""
    folder = tmp_path_factory.mktemp("checkout") / "voice-bridge"
    ours = ["bridge", "bot", "telephony", "config", "examples", "scripts", "requirements"]
    for name in ours:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_make_serve_adds_extras_in_the_versions_of_the_lock(checkout: Path) -> None:
    said = run("make", "serve", f"PYTHON={sys.executable}", "EXTRAS=mp3,openai", "ARGS=--help", cwd=checkout)
    assert "--bot" in said
    python = str(checkout / ".venv" / "bin" / "python")
    run(python, "-c", "import soundfile, openai, bridge", cwd=checkout)
    version = run(python, "-c", "import openai; print(openai.__version__)", cwd=checkout).strip()
    assert f"openai=={version} " in (checkout / "requirements" / "test.lock").read_text()
    wrong = subprocess.run(["make", "serve", "EXTRAS=qapla"], cwd=checkout, capture_output=True, text=True, check=False)
    assert wrong.returncode and "EXTRAS: there is no qapla; these are: embedded" in wrong.stderr


def test_what_an_error_says_installs_what_was_missing(checkout: Path) -> None:
    python = str(checkout / ".venv" / "bin" / "python")
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "soundfile", cwd=checkout)
    command = run(python, "-c", "from bot import installing; print(installing.extra('mp3'))", cwd=checkout).strip()
    assert command == ".venv/bin/pip install -e '.[mp3]'"
    run("sh", "-c", command, cwd=checkout)
    run(python, "-c", "import soundfile, bridge", cwd=checkout)
    elsewhere = run(python, "-c", "from bot import installing; print(installing.extra('mp3'))", cwd=checkout.parent)
    run("sh", "-c", elsewhere, cwd=checkout.parent)
