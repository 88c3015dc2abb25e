"""`bridge config`: prints the options in force."""

import argparse
from typing import Final

from bridge import settings

FAILURES: Final = {settings.SettingsError: 2}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` all options."""
    settings.add_help(parser)
    settings.add_flags(parser)


def run(flags: argparse.Namespace) -> int:
    """Print them as TOML. Return 0."""
    print(settings.as_toml(settings.load(flags)), end="")
    return 0
