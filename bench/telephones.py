"""Callers in processes of their own: many at once need more of a processor than the benchmark's own process has."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

PROCESSES: Final = 2


async def telephones(url: str, said: Sequence[Path], *, calls: int, ramp_s: float) -> list[dict[str, Any]]:
    """Make `calls` calls at once, begun within `ramp_s` seconds; return what `bridge call --json` tells of each.

    Each caller says all of `said`, WAV files. A process whose calls were refused tells of none.
    """
    shares = [calls // PROCESSES + (number < calls % PROCESSES) for number in range(PROCESSES)]
    with tempfile.TemporaryDirectory() as folder:
        made = await asyncio.gather(
            *(_process(url, said, share, ramp_s, Path(folder) / f"{i}.json") for i, share in enumerate(shares) if share)
        )
    return [figures for some in made for figures in some]


async def _process(url: str, said: Sequence[Path], calls: int, ramp_s: float, file: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "bridge", "call", *map(str, said), "--url", url, "--calls", str(calls)]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--ramp",
        f"{ramp_s:g}",
        "--json",
        str(file),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()
    return _figures(file)


def _figures(file: Path) -> list[dict[str, Any]]:
    if not file.exists():  # refused, or not reached
        return []
    figures: list[dict[str, Any]] = json.loads(file.read_text())
    return figures
