"""`bridge replay`: runs calls that were kept once more, and shows what they do otherwise."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.plugins import PluginError
from bridge.recording.recordings import wire_roots
from bridge.replay import report
from bridge.replay.jobs import ReplayJob
from bridge.replay.judging import TOLERANCE_MS, Comparison, Outcome, Unreadable
from bridge.replay.live.parts import LivePart
from bridge.replay.wire_record import RecordFault, records_in, records_named
from bridge.speech.api import ModelMissing

FAILURES: Final = {settings.SettingsError: 2, PluginError: 2, ModelMissing: 2, RecordFault: 2}
_CODES: Final = {Outcome.SAME: 0, Outcome.OTHERWISE: 1, Outcome.UNKNOWN: 3}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` which calls, and what is other than it was."""
    parser.epilog = "Exit code: 0 no difference, 1 differences, 2 it cannot be replayed, 3 part of a record is missing."
    parser.add_argument(
        "calls", nargs="+", metavar="CALL", help="a record (*.wire.gz), a folder of them, or the name of a call"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="an option that is other than it was"
    )
    live = "ask the real one instead of the record: asr, bot or tts"
    parser.add_argument("--live", type=LivePart, choices=list(LivePart), action="append", default=[], help=live)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the server's TOML file: folders and secrets")
    parser.add_argument(
        "--tolerance",
        type=int,
        default=TOLERANCE_MS,
        metavar="MS",
        help="times so near are equal (%(default)s)",
    )
    jobs = "processes (one a processor; with --live one, or they would be slower than they are)"
    parser.add_argument("--jobs", type=int, metavar="N", help=jobs)
    parser.add_argument("--events", action="store_true", help="print all events of each replay, too")
    parser.add_argument("--json", action="store_true", help="print a JSON object a call, one a line")


def run(flags: argparse.Namespace) -> int:
    """Replay them. Return 2 where one cannot be read, else the worst of what came of them: 0, 1 or 3."""
    job = ReplayJob(_change(flags.set), tuple(flags.live), flags.config, flags.tolerance)
    paths = _found(flags.calls, flags.config)
    made: list[Comparison] = []
    for found in job.run(paths, processes=flags.jobs or (1 if flags.live else os.cpu_count() or 1)):
        if isinstance(found, Unreadable):
            print(f"bridge: {found.why}", file=sys.stderr)
        else:
            made.append(found)
            _print(found, flags, alone=len(paths) == 1)
    if len(made) > 1 and not flags.json:
        print("\n".join(report.table(made)))
        print(report.summary(made))
    return 2 if len(made) < len(paths) else max(_CODES[each.outcome] for each in made)


def _print(comparison: Comparison, flags: argparse.Namespace, *, alone: bool) -> None:
    if flags.json:
        print(json.dumps(comparison.as_json(), ensure_ascii=False), flush=True)
    elif alone or flags.events:
        events = report.listed(comparison.events) if flags.events else ()
        print("\n".join([*report.told(comparison), *events]), flush=True)


def _change(given: Sequence[str]) -> Mapping[str, str]:
    pairs = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise settings.SettingsError(f"--set {each}: must be OPTION=VALUE, like turn_silence=0.6")
        pairs[name.strip().removeprefix("--").replace("-", "_")] = value.strip()
    return pairs


def _found(named: Sequence[str], config: Path | None) -> Sequence[Path]:
    """Return the files: what is no path is the name of a call among the records of the server's folders."""
    found: list[Path] = []
    for name in named:
        if Path(name).exists():
            found += records_in([Path(name)])
            continue
        roots = wire_roots(settings.load({"config": config} if config else {}))
        if not (below := records_named(name, roots)):
            where = ", ".join(map(str, roots)) or "no folder, for --record-wire is not set"
            raise RecordFault(f"{name}: no such file or folder, and no call of this name in {where}")
        found += below
    return found
