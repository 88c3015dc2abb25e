"""`bridge models`: lists recognisers and models, or fetches one."""

import argparse
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.commands import models
from bridge.speech.api import ModelMissing

FAILURES: Final = {settings.SettingsError: 2, ModelMissing: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the command below it, `fetch`."""
    parser.set_defaults(model=None)
    fetch = parser.add_subparsers(metavar="fetch").add_parser(
        "fetch",
        help="download a model",
        description="Download a model from the hub. The token for gated ones is read from HF_TOKEN.",
    )
    fetch.add_argument("model", metavar="ID", help="owner/name, e.g. Qwen/Qwen3-ASR-1.7B")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="folder to put it in, instead of the hub's cache")


def run(flags: argparse.Namespace) -> int:
    """Print what there is, or where the fetched model is. Return 0."""
    print(models.fetch(flags.model, folder=flags.to) if flags.model else models.listing(settings.load()))
    return 0
