"""`bridge doctor`: tells what is open, and what is missing for calls from outside."""

import argparse
from typing import Final

from bridge import settings
from bridge.commands import doctor
from bridge.commands.machine import ThisMachine
from bridge.plugins import PluginError
from bridge.server.access.doors import who_comes_in
from bridge.server.auth import with_api_token
from bridge.server.routing import unreachable

FAILURES: Final = {settings.SettingsError: 2, PluginError: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` all options."""
    settings.add_help(parser)
    settings.add_flags(parser)


def run(flags: argparse.Namespace) -> int:
    """Print the findings. Return 1 where something is to mend."""
    options = settings.load(flags)
    served = with_api_token(options)
    sections = doctor.examine(
        options,
        ThisMachine(),
        doors=who_comes_in(served),
        refusals=[*settings.refusals(options), *unreachable(options.route)],
        warnings=settings.warnings(served),
    )
    print(doctor.report(sections))
    return 0 if doctor.is_well(sections) else 1
