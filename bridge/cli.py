"""The `bridge` command: serve, config, doctor, models, call, dial, listen."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import aiohttp

from bridge import settings
from bridge.commands import call as telephone
from bridge.commands import call_report, dial, doctor, listen, models, recording
from bridge.commands.line_faults import Fault
from bridge.commands.machine import ThisMachine
from bridge.logs import masked
from bridge.plugins import PluginError
from bridge.server.access.doors import who_comes_in
from bridge.server.auth import with_api_token
from bridge.server.lifecycle.run import serve
from bridge.server.resources import Resources
from bridge.server.routing import unreachable
from bridge.settings import Settings, SettingsError
from bridge.speech.api import ModelMissing

_MODELS: Final = "list the recognisers and models that are usable here, or fetch one"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Return the exit code: 0 done, 1 failed, 2 wrong options, 3 a run that proves nothing."""
    flags = _parser().parse_args(argv)
    try:
        match flags.command:
            case "serve":
                return _serve(settings.load(flags), flags)
            case "config":
                print(settings.as_toml(settings.load(flags)), end="")
                return 0
            case "doctor":
                return _doctor(settings.load(flags))
            case "models":
                print(models.fetch(flags.model, folder=flags.to) if flags.model else models.listing(settings.load()))
                return 0
            case "call":
                return asyncio.run(_call(flags))
            case "dial":
                return asyncio.run(_dial(flags, _token(flags)))
            case _:
                return asyncio.run(_listen(flags))
    except SettingsError as error:
        return _fail(error, 2)
    except call_report.DishonestRun as error:
        return _fail(error, 3)
    except (
        PluginError,
        ModelMissing,
        OSError,
        ValueError,
        aiohttp.ClientError,
        listen.Refused,
        dial.DialRefused,
    ) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130


def _fail(error: Exception, code: int) -> int:
    print(f"bridge: {masked(str(error))}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bridge", description="Voice bots on the telephone line.")
    parser.add_argument("--version", action="version", version=f"bridge {version('voice-bridge')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, about in (
        ("serve", "answer calls"),
        ("config", "print the options in force, secrets masked"),
        ("doctor", "tell what is open and what is missing for calls from outside; exit 1 where something is to mend"),
    ):
        with_options = commands.add_parser(name, help=about, description=about, add_help=False)
        settings.add_help(with_options)
        settings.add_flags(with_options)
    _add_models(commands.add_parser("models", help=_MODELS, description=_MODELS))
    _add_call(commands)
    _add_dial(commands)
    _add_listen(commands)
    return parser


def _add_call(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "call a server as Twilio would, say recordings to its bot and report what a caller would notice"
    parser = commands.add_parser("call", help=about, description=about)
    parser.add_argument("recording", nargs="+", type=Path, help="WAV files, each said when the bot has finished")
    parser.add_argument("--url", default="ws://127.0.0.1:8000/twilio/stream", help="where to call (%(default)s)")
    parser.add_argument("--barge-in", type=float, metavar="MS", help="speak so many milliseconds after the bot began")
    parser.add_argument("--calls", type=int, default=1, metavar="N", help="calls at the same time (%(default)s)")
    parser.add_argument(
        "--ramp", type=float, default=0.0, metavar="S", help="seconds over which they begin (%(default)s)"
    )
    what = "what is wrong with the line (%(default)s)"
    parser.add_argument("--fault", type=Fault, choices=list(Fault), default=Fault.NONE, help=what)
    parser.add_argument("--wav", type=Path, metavar="FILE", help="save the first call: caller left, bot right")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save figures and timelines")


def _add_listen(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "stream a recording to a server's /ws and print partials and finals"
    parser = commands.add_parser("listen", help=about, description=about)
    parser.add_argument("recording", help="16-bit mono WAV, or - for raw 16-bit mono at 16 kHz on standard input")
    parser.add_argument("--url", default="ws://127.0.0.1:8000/ws", help="where to stream (%(default)s)")
    parser.add_argument("--language", help='English name, e.g. "Hindi"')
    parser.add_argument("--context", default="", help="words that bias recognition")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--fast", action="store_true", help="send as fast as the server takes it, not in real time")
    parser.add_argument("--json", action="store_true", help="print the server's messages, one a line")


def _add_dial(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    about = "have a running server call a number and put its bot on the line"
    parser = commands.add_parser("dial", help=about, description=about)
    parser.add_argument("number", help="number or address to call: +4930123456, or sip:alice@example.com")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server (%(default)s)")
    parser.add_argument("--from", dest="caller", default="", metavar="NUMBER", help="number that is shown")
    parser.add_argument("--wire", default="", help="sip or twilio; the default is the first that the server has")
    for name, what in (("parameter", "parameter for the bot and for routes"), ("header", "header of the SIP INVITE")):
        parser.add_argument(f"--{name}", action="append", default=[], type=_pair, metavar="K=V", help=what)
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file that holds the server's API token")
    parser.add_argument("--wait", action="store_true", help="wait for the end; exit with 1 if nobody answered")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(model=None)
    fetch = parser.add_subparsers(metavar="fetch").add_parser(
        "fetch",
        help="download a model",
        description="Download a model from the hub. The token for gated ones is read from HF_TOKEN.",
    )
    fetch.add_argument("model", metavar="ID", help="owner/name, e.g. Qwen/Qwen3-ASR-1.7B")
    fetch.add_argument("--to", type=Path, metavar="DIR", help="folder to put it in, instead of the hub's cache")


def _serve(options: Settings, flags: argparse.Namespace) -> int:
    asyncio.run(serve(options, Resources.load, lambda now: settings.reread(now, flags)))
    return 0


def _doctor(options: Settings) -> int:
    refusals = [*settings.refusals(options), *unreachable(options.route)]
    served = with_api_token(options)
    sections = doctor.examine(
        options,
        ThisMachine(),
        doors=who_comes_in(served),
        refusals=refusals,
        warnings=settings.warnings(served),
    )
    print(doctor.report(sections))
    return 0 if doctor.is_well(sections) else 1


async def _call(flags: argparse.Namespace) -> int:
    recordings = [recording.load(path) for path in flags.recording]
    if flags.calls > 1:
        calls = await telephone.load_test(
            flags.url, recordings, calls=flags.calls, ramp_s=flags.ramp, fault=flags.fault
        )
    else:
        calls = [await telephone.call(flags.url, recordings, barge_in_ms=flags.barge_in, fault=flags.fault)]
        print(call_report.timeline(calls[0][1]))
    if flags.wav:
        call_report.save_wav(calls[0][1], flags.wav)
    if flags.json:
        call_report.save_json(calls, flags.json)
    figures = [call for call, _ in calls]
    call_report.check_honesty(figures)
    print(call_report.report(figures))
    return 0


def _token(flags: argparse.Namespace) -> str:
    return str(flags.token_file.read_text().strip()) if flags.token_file else ""


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


async def _listen(flags: argparse.Namespace) -> int:
    config = {"language": flags.language, "context": flags.context}
    token = flags.token_file.read_text().strip() if flags.token_file else ""
    async for body in listen.listen(flags.url, flags.recording, config=config, token=token, fast=flags.fast):
        if flags.json:
            print(json.dumps(body, ensure_ascii=False), flush=True)
        elif body["type"] in {"partial", "final"}:
            print(f"{body['type']:<8}{body['text']}", flush=True)
        elif body["type"] == "error":
            print(f"bridge: {body['message']}", file=sys.stderr)
    return 0
