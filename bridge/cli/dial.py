"""`bridge dial`: has a running server call a number."""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import aiohttp

from bridge.commands import dial

FAILURES: Final = {dial.DialRefused: 1, aiohttp.ClientError: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` whom to call, from where and with what."""
    parser.add_argument("number", help="number or address to call: +4930123456, or sip:alice@example.com")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server (%(default)s)")
    parser.add_argument("--from", dest="caller", default="", metavar="NUMBER", help="number that is shown")
    parser.add_argument("--wire", default="", help="sip or twilio; the default is the first that the server has")
    for name, what in (("parameter", "parameter for the bot and for routes"), ("header", "header of the SIP INVITE")):
        parser.add_argument(f"--{name}", action="append", default=[], type=_pair, metavar="K=V", help=what)
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--wait", action="store_true", help="wait for the end; exit with 1 if nobody answered")


def run(flags: argparse.Namespace) -> int:
    """Order the call, and print how it goes. Return 1 where it was waited for and did not take place."""
    token = flags.token_file.read_text().strip() if flags.token_file else ""
    return asyncio.run(_dial(flags, token))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


async def _dial(flags: argparse.Namespace, token: str) -> int:
    wanted = {
        "to": flags.number,
        "from": flags.caller,
        "wire": flags.wire,
        "parameters": dict(flags.parameter),
        "headers": dict(flags.header),
    }
    async with dial.server(flags.url, token) as session:
        state = await dial.order(session, {name: value for name, value in wanted.items() if value})
        print(state["call_id"], flush=True)
        if not flags.wait:
            return 0
        async for now in dial.follow(session, state):
            state = now
            print(
                *(state[name] for name in ("status", "answered_by", "outcome", "reason") if state[name]),
                sep=", ",
                flush=True,
            )
    return 0 if state["outcome"] == "completed" else 1
