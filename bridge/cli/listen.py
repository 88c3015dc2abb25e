"""`bridge listen`: streams a recording to a server and prints what it understands."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Final

import aiohttp

from bridge.commands import listen

FAILURES: Final = {listen.Refused: 1, aiohttp.ClientError: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to stream, where and in which language."""
    parser.add_argument("recording", help="16-bit mono WAV, or - for raw 16-bit mono at 16 kHz on standard input")
    parser.add_argument("--url", default="ws://127.0.0.1:8000/ws", help="where to stream (%(default)s)")
    parser.add_argument("--language", help='English name, e.g. "Hindi"')
    parser.add_argument("--context", default="", help="words that bias recognition")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--fast", action="store_true", help="send as fast as the server takes it, not in real time")
    parser.add_argument("--json", action="store_true", help="print the server's messages, one a line")


def run(flags: argparse.Namespace) -> int:
    """Stream it, and print the server's words as they come. Return 0."""
    token = flags.token_file.read_text().strip() if flags.token_file else ""
    return asyncio.run(_listen(flags, token))


async def _listen(flags: argparse.Namespace, token: str) -> int:
    config = {"language": flags.language, "context": flags.context}
    async for body in listen.listen(flags.url, flags.recording, config=config, token=token, fast=flags.fast):
        if flags.json:
            print(json.dumps(body, ensure_ascii=False), flush=True)
        elif body["type"] in {"partial", "final"}:
            print(f"{body['type']:<8}{body['text']}", flush=True)
        elif body["type"] == "error":
            print(f"bridge: {body['message']}", file=sys.stderr)
    return 0
