"""The `bridge` command: which commands there are, and what their failures are to a shell. One module a command."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Final, Protocol, cast

from bridge.logs import masked

COMMANDS: Final = {
    "serve": "answer calls",
    "config": "print the options in force, secrets masked",
    "doctor": "tell what is open and what is missing for calls from outside; exit 1 where something is to mend",
    "voices": "list the voices, or say a text: --say TEXT, --wav FILE as a caller hears it, --full-band as it is made",
    "models": "list the recognisers and models that are usable here, or fetch one",
    "records": "list, show, export or delete the calls that are kept",
    "call": "call a server as a carrier would, say recordings to its bot and report what a caller would notice",
    "eval": "have simulated callers play scenarios with a bot, and judge what it said and did",
    "dial": "have a running server call a number and put its bot on the line",
    "twilio": "connect a number of Twilio to this server, or disconnect it",
    "telnyx": "connect a number of Telnyx to this server, or disconnect it",
    "plivo": "connect a number of Plivo to this server, or disconnect it",
    "vonage": "connect a number of Vonage to this server, or disconnect it",
    "listen": "stream a recording to a server's /ws and print partials and finals",
    "asr-pool": "run recognisers on a Ray cluster, for bridges with --asr ray",
}
"""Command -> what it does. Its module has its name, with _ for -; only the one that was asked for is imported."""
_OF_NUMBERS: Final = ("twilio", "telnyx", "plivo", "vonage")
"""Commands of one module: they differ in the carrier."""


class Command(Protocol):
    """What a module of a command has."""

    FAILURES: Mapping[type[Exception], int]
    """What `run` raises, beside OSError and ValueError, that the user can do something about -> exit code."""

    def add_flags(self, parser: argparse.ArgumentParser) -> None:
        """Give `parser` the flags of the command."""

    def run(self, flags: argparse.Namespace) -> int:
        """Do it. Return the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Return the exit code: 0 done, 1 failed, 2 wrong options, 3 a run that proves nothing."""
    arguments = sys.argv[1:] if argv is None else argv
    flags = _parser(arguments).parse_args(arguments)
    command = _load(flags.command)
    told: tuple[type[Exception], ...] = (OSError, ValueError, *command.FAILURES)
    try:
        return command.run(flags)
    except told as error:
        print(f"bridge: {masked(str(error))}", file=sys.stderr)
        return next((code for kind, code in command.FAILURES.items() if isinstance(error, kind)), 1)
    except KeyboardInterrupt:
        return 130


def _load(name: str) -> Command:
    module = "number" if name in _OF_NUMBERS else name.replace("-", "_")
    return cast(Command, import_module(f"bridge.cli.{module}"))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser. Commands that `arguments` do not name have no flags in it."""
    parser = argparse.ArgumentParser(prog="bridge", description="Voice bots on the telephone line.")
    parser.add_argument("--version", action="version", version=f"bridge {version('voice-bridge')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, about in COMMANDS.items():
        # The commands whose flags are the options have a --help of their own, with few of them.
        with_options = name in {"serve", "config", "doctor", "voices", "eval", *_OF_NUMBERS}
        flags = commands.add_parser(name, help=about, description=about, add_help=not with_options)
        if name in arguments:
            _load(name).add_flags(flags)
    return parser
