"""`bridge eval`: has simulated callers play scenarios on the telephone, and judges what the bot did."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp

from bridge import settings
from bridge.commands import server_url
from bridge.commands.phone.line_faults import Fault
from bridge.evals import run as runs
from bridge.evals.calls import MadeCall
from bridge.evals.files.reading import find_scenarios
from bridge.evals.files.yaml_tree import BadScenario
from bridge.evals.model import ModelPlace
from bridge.evals.report import table
from bridge.evals.run import CallResult, CallStatus, RunOptions
from bridge.evals.server_under_test import ServerFailed
from bridge.plugins import PluginError
from bridge.speech.api import ModelMissing

FAILURES: Final = {
    BadScenario: 2,
    settings.SettingsError: 2,
    runs.CannotJudge: 2,
    server_url.NoAnswerThere: 2,
    ServerFailed: 1,
    PluginError: 1,
    ModelMissing: 1,
    aiohttp.ClientError: 1,
}
_EPILOG: Final = (
    "Options of `bridge serve` may follow, as --bot mybot:MyBot or --config bridge.toml. "
    "Exit code: 0 all passed, 1 a call failed, 2 a file or an option is wrong, 3 this machine was too late to tell. "
    "docs/evals.md has the files."
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` what to play, where, how often, and all options of the bridge that is started."""
    _add_own(parser)
    parser.add_argument("-h", "--help", action=_ShortHelp, nargs=0, help="show this help")
    parser.add_argument("--help-all", action="help", help="show the options of the bridge, too")
    settings.add_flags(parser)


class _ShortHelp(argparse.Action):
    """Prints the flags of this command without the options of the bridge, and ends the program."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        page = argparse.ArgumentParser(
            prog=parser.prog, usage="%(prog)s [flags] FILE ...", description=parser.description, epilog=_EPILOG
        )
        _add_own(page)
        page.print_help()
        parser.exit()


def _add_own(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", nargs="*", type=Path, metavar="FILE", help="scenarios, or folders of .yaml files")
    parser.add_argument("--url", default="", help="a bridge that runs, instead of one that is started")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="its API token: its own record is read then")
    parser.add_argument("--cafile", type=Path, metavar="FILE", help="PEM certificates that it is trusted by")
    parser.add_argument("--trust-any", action="store_true", help="trust any certificate of it")
    parser.add_argument("--parallel", type=_count, default=1, metavar="N", help="calls at a time (%(default)s)")
    parser.add_argument(
        "--times", type=_count, metavar="N", help="make each call so often, instead of what the file says"
    )
    what = "over such lines, with commas, instead of what the file says"
    parser.add_argument("--faults", type=_faults, metavar="KINDS", help=f"{what}: {', '.join(Fault)}")
    parser.add_argument("--caller-voice", default="", metavar="NAME", help="voice of callers, as for --tts")
    parser.add_argument("--model-url", default="", metavar="URL", help="OpenAI-compatible, for `means` and `chat`")
    parser.add_argument("--model", default="gpt-5-mini", metavar="NAME", help="its model (%(default)s)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="report, and sound, page and transcript of each call")
    late = "lateness of our own frames (p99) with which a call still counts (%(default)g)"
    parser.add_argument("--allow-late", type=float, default=runs.USUAL_LATE_MS, metavar="MS", help=late)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 1000")
    return int(text)


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        return tuple(dict.fromkeys(Fault(name) for name in text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; there are {', '.join(Fault)}") from None


def run(flags: argparse.Namespace) -> int:
    """Play the scenarios, and print what became of them. Return 0; 1 where a call failed, 3 where we were late."""
    if not flags.scenario:
        raise BadScenario("name scenario files, or folders of them: bridge eval scenarios/")
    scenarios = find_scenarios(flags.scenario)
    results = asyncio.run(runs.run(scenarios, _options(flags), _tell))
    print(table.table(results))
    print(table.summary(results))
    return exit_code(results)


def exit_code(results: Sequence[CallResult]) -> int:
    """Return what a run means to a shell."""
    found = {result.status for result in results}
    if CallStatus.VOID in found:
        print(
            "bridge: void: this machine was too late to measure anything. Close other programs, or give a smaller "
            "--parallel; --allow-late takes more",
            file=sys.stderr,
        )
        return 3
    return 1 if found & {CallStatus.FAILED, CallStatus.ERROR} else 0


def _options(flags: argparse.Namespace) -> RunOptions:
    url = server_url.checked(flags.url, "call") if flags.url else ""
    return RunOptions(
        given={
            name: value
            for name, value in vars(flags).items()
            if name in settings.Settings.model_fields or name == "config"
        },
        url=url,
        token=flags.token_file.read_text().strip() if flags.token_file else "",
        tls=server_url.trust(flags.cafile, insecure=flags.trust_any),
        parallel=flags.parallel,
        times=flags.times,
        faults=flags.faults,
        voice=flags.caller_voice,
        model=ModelPlace.of(flags.model_url, flags.model),
        allow_late_ms=flags.allow_late,
        log=flags.out / "bridge.log" if flags.out else None,
    )


def _tell(done: int, of: int, made: MadeCall) -> None:
    print(f"[{done}/{of}] {made.job.name}{': ' + made.error if made.error else ''}", file=sys.stderr, flush=True)
