"""`bridge call`: calls a server as a carrier would, and reports what a caller would notice."""

import argparse
import asyncio
import ssl
from pathlib import Path
from typing import Final

import aiohttp

from bridge.commands import call, recording, server_url
from bridge.commands.phone import call_report
from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.pbx_lines import PBX_WIRES, has_bot, path_of

FAILURES: Final = {call_report.DishonestRun: 3, aiohttp.ClientError: 1, server_url.NoAnswerThere: 1}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to say, where, how often and over what line."""
    parser.add_argument("recording", nargs="+", type=Path, help="WAV files, each said when the bot has finished")
    parser.add_argument("--url", default="", help="where to call (ws://127.0.0.1:8000, at the path of the wire)")
    what = "what the call is carried by (%(default)s)"
    parser.add_argument("--wire", choices=(*CALLED_AS, *PBX_WIRES), default="twilio", help=what)
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--cafile", type=Path, metavar="FILE", help="PEM certificates that the server is trusted by")
    parser.add_argument("--insecure", action="store_true", help="trust any certificate, such as a self-signed one")
    parser.add_argument("--barge-in", type=float, metavar="MS", help="speak so many milliseconds after the bot began")
    parser.add_argument("--calls", type=int, default=1, metavar="N", help="calls at the same time (%(default)s)")
    parser.add_argument(
        "--ramp", type=float, default=0.0, metavar="S", help="seconds over which they begin (%(default)s)"
    )
    what = "what is wrong with the line (%(default)s)"
    parser.add_argument("--fault", type=Fault, choices=list(Fault), default=Fault.NONE, help=what)
    parser.add_argument("--wav", type=Path, metavar="FILE", help="save the first call: caller left, bot right")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save figures and timelines")


def run(flags: argparse.Namespace) -> int:
    """Call, and print the report. Return 0.

    Raises:
        NoAnswerThere: the URL leads nowhere, or nobody speaks there who could be interrupted.
    """
    if flags.barge_in is not None and not has_bot(flags.wire):
        raise server_url.NoAnswerThere(f"--barge-in: nobody speaks over {flags.wire}")
    path = path_of(flags.wire)
    url = server_url.checked(flags.url or f"ws://127.0.0.1:8000{path}", "call", wire=path)
    tls = server_url.trust(flags.cafile, insecure=flags.insecure)
    return asyncio.run(_call(flags, url, tls))


async def _call(flags: argparse.Namespace, url: str, tls: ssl.SSLContext | bool) -> int:
    recordings = [recording.load(path) for path in flags.recording]
    token = flags.token_file.read_text().strip() if flags.token_file else ""
    with server_url.reaching(url, "call"):
        if flags.calls > 1:
            how = {"calls": flags.calls, "ramp_s": flags.ramp}
            over = {"wire": flags.wire, "token": token}
            calls = await call.load_test(url, recordings, **how, **over, fault=flags.fault, tls=tls)
        else:
            how_said = {"barge_in_ms": flags.barge_in, "fault": flags.fault, "tls": tls}
            calls = [await call.call(url, recordings, **how_said, wire=flags.wire, token=token)]
            print(call_report.timeline(calls[0][1]))
    if flags.wav:
        call_report.save_wav(calls[0][1], flags.wav)
    if flags.json:
        call_report.save_json(calls, flags.json)
    figures = [figures for figures, _ in calls]
    call_report.check_honesty(figures)
    print(call_report.report(figures))
    return 0
