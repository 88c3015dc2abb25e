"""`bridge replay`: runs calls that were kept once more, and shows what they do otherwise."""

import argparse
import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from bridge import settings
from bridge.plugins import PluginError
from bridge.recording.recordings import wire_roots
from bridge.replay import report
from bridge.replay.judging import TOLERANCE_MS, Comparison, Outcome, judge
from bridge.replay.rerun import Parts
from bridge.replay.wire_record import RecordFault, records_in

FAILURES: Final = {settings.SettingsError: 2, PluginError: 2, RecordFault: 2}
_CODES: Final = {Outcome.SAME: 0, Outcome.OTHERWISE: 1, Outcome.UNKNOWN: 3}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` which calls, and what is other than it was."""
    parser.epilog = "Exit code: 0 no difference, 1 differences, 2 it cannot be replayed, 3 part of a record is missing."
    parser.add_argument("calls", nargs="+", metavar="CALL", help="a record (*.wire.gz), a folder of them, or its name")
    parser.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="an option that is other than it was"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the server's TOML file, for where records are")
    parser.add_argument(
        "--tolerance",
        type=int,
        default=TOLERANCE_MS,
        metavar="MS",
        help="times so near are equal (%(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (%(default)s)")
    parser.add_argument("--events", action="store_true", help="print all events of each replay, too")
    parser.add_argument("--json", action="store_true", help="print a JSON object a call, one a line")


def run(flags: argparse.Namespace) -> int:
    """Replay them. Return the worst of what came of them: 0, 1 or 3."""
    change = _change(flags.set)
    paths = _found(flags.calls, flags.config)
    logging.disable(logging.CRITICAL)  # what the call logged then it logged then
    verdicts = []
    for verdict in _judged(paths, change, tolerance_ms=flags.tolerance, jobs=flags.jobs):
        verdicts.append(verdict)
        _print(verdict, flags, alone=len(paths) == 1)
    if len(verdicts) > 1 and not flags.json:
        print("\n".join(report.table(verdicts)))
        print(report.summary(verdicts))
    return max(_CODES[verdict.outcome] for verdict in verdicts)


def _print(verdict: Comparison, flags: argparse.Namespace, *, alone: bool) -> None:
    if flags.json:
        print(json.dumps(verdict.as_json(), ensure_ascii=False), flush=True)
    elif alone or flags.events:
        print("\n".join([*report.told(verdict), *(report.listed(verdict.events) if flags.events else ())]), flush=True)
    elif sys.stderr.isatty():
        print(f"{verdict.path.name}: {verdict.outcome}", file=sys.stderr)


def _judged(paths: Sequence[Path], change: Mapping[str, str], *, tolerance_ms: int, jobs: int) -> Iterator[Comparison]:
    judging: Callable[[Path], Comparison] = partial(_judge, change=change, tolerance_ms=tolerance_ms)
    if len(paths) == 1 or jobs <= 1:
        yield from map(judging, paths)
        return
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(paths)), mp_context=spawning, initializer=_quiet) as pool:
        yield from pool.map(judging, paths)


def _judge(path: Path, change: Mapping[str, str], tolerance_ms: int) -> Comparison:
    return judge(path, Parts(change), tolerance_ms=tolerance_ms)


def _quiet() -> None:
    logging.disable(logging.CRITICAL)


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
        below = [path for root in roots for path in root.glob(f"*/{Path(name).name}.wire.gz")]
        if not below:
            where = ", ".join(map(str, roots)) or "no folder, for --record-wire is not set"
            raise RecordFault(f"{name}: no such file or folder, and no record of this name in {where}")
        found += below
    return found
