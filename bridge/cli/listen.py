"""`bridge listen`: streams a recording to a server and prints what it understands."""

import argparse
import asyncio
import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from bridge.commands import listen, server_url

FAILURES: Final = {listen.Refused: 1, aiohttp.ClientError: 1, server_url.NoAnswerThere: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to stream, where and in which language."""
    parser.add_argument("recording", help="16-bit mono WAV, or - for raw 16-bit mono at 16 kHz on standard input")
    parser.add_argument("--url", default="ws://127.0.0.1:8000/ws", help="where to stream (%(default)s)")
    parser.add_argument("--cafile", type=Path, metavar="FILE", help="PEM certificates that the server is trusted by")
    parser.add_argument("--insecure", action="store_true", help="trust any certificate, such as a self-signed one")
    parser.add_argument("--language", help='English name, e.g. "Hindi"')
    parser.add_argument("--context", default="", help="words that bias recognition")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--fast", action="store_true", help="send as fast as the server takes it, not in real time")
    parser.add_argument("--json", action="store_true", help="print the server's messages, one a line")


def run(flags: argparse.Namespace) -> int:
    """Stream it, and print the server's words as they come. Return 0."""
    token = flags.token_file.read_text().strip() if flags.token_file else ""
    url, tls = server_url.checked(flags.url, "listen"), server_url.trust(flags.cafile, insecure=flags.insecure)
    return asyncio.run(_listen(flags, url, tls, token))


async def _listen(flags: argparse.Namespace, url: str, tls: ssl.SSLContext | bool, token: str) -> int:
    config = {"language": flags.language, "context": flags.context}
    with server_url.reaching(url, "listen"):
        messages = listen.listen(url, flags.recording, config=config, token=token, fast=flags.fast, tls=tls)
        async for body in messages:
            _tell(body, as_json=flags.json)
    return 0


def _tell(body: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(body, ensure_ascii=False), flush=True)
    elif body["type"] in {"partial", "final"}:
        print(f"{body['type']:<8}{body['text']}", flush=True)
    elif body["type"] == "error":
        print(f"bridge: {body['message']}", file=sys.stderr)
