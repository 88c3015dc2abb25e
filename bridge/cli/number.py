"""`bridge twilio`, `telnyx`, `plivo` and `vonage`: point a number at this server, and take it back."""

import argparse
import asyncio
import re
from typing import Final

from bridge import settings
from bridge.commands.numbers import connect

FAILURES: Final = {settings.SettingsError: 2, connect.NotConnected: 1}
_NUMBER: Final = re.compile(r"\+[1-9]\d{4,14}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to do with which number, and all options."""
    settings.add_help(parser)
    parser.add_argument("what", choices=["connect", "disconnect"], help="have it lead here, or to where it led before")
    parser.add_argument("number", type=_number, help="the number, with its plus: +4930123456")
    settings.add_flags(parser)


def run(flags: argparse.Namespace) -> int:
    """Do it, and print what was changed. Return 0."""
    return asyncio.run(_run(flags.command, flags.what, flags.number, settings.load(flags)))


async def _run(carrier: str, what: str, number: str, options: settings.Settings) -> int:
    act = connect.connect if what == "connect" else connect.disconnect
    async for line in act(carrier, number, options):
        print(line, flush=True)
    if what == "connect":
        print(f"`bridge {carrier} disconnect {number}` takes it back")
    return 0


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number like +4930123456")
    return text
