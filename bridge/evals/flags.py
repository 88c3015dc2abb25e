"""The flags of `bridge eval`, which the pytest plug-in takes, too."""

import argparse
from math import nan
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.commands import server_url
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.pbx_lines import TALKING, path_of
from bridge.evals.model import ModelPlace
from bridge.evals.run import USUAL_LATE_MS, RunOptions
from bridge.settings.options import OPTIONS

_LATEST_MS: Final = 10_000.0
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
    what = "what calls are carried by (%(default)s)"
    parser.add_argument("--wire", choices=TALKING, default="twilio", help=what)
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
    parser.add_argument(
        "--record", metavar="CALL", help="print a scenario made of this call of the log, and call nobody"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="report, and sound, page and transcript of each call")
    late = "lateness of our own frames (p99) with which a call still counts (%(default)g)"
    parser.add_argument("--allow-late", type=_lateness_ms, default=USUAL_LATE_MS, metavar="MS", help=late)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 1000")
    return int(text)


def _lateness_ms(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = nan
    if not 0 < found <= _LATEST_MS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of milliseconds up to {_LATEST_MS:g}")
    return found


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        return tuple(dict.fromkeys(Fault(name) for name in text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; there are {', '.join(Fault)}") from None


def options(flags: argparse.Namespace) -> RunOptions:
    """Return what `flags` say of a run.

    Raises:
        NoAnswerThere: the URL leads nowhere. OSError, ValueError: a file cannot be read.
    """
    url = server_url.checked(flags.url, "call", wire=path_of(flags.wire)) if flags.url else ""
    return RunOptions(
        given={name: value for name, value in vars(flags).items() if name in OPTIONS or name == "config"},
        url=url,
        wire=flags.wire,
        token=flags.token_file.read_text().strip() if flags.token_file else "",
        tls=server_url.trust(flags.cafile, insecure=flags.trust_any),
        parallel=flags.parallel,
        times=flags.times,
        faults=flags.faults,
        voice=flags.caller_voice,
        model=ModelPlace.of(flags.model_url, flags.model),
        allow_late_ms=flags.allow_late,
        out=flags.out,
    )
