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
from bridge.evals import flags as flags_of_runs
from bridge.evals import run as runs
from bridge.evals.calls import MadeCall
from bridge.evals.files.cutting import cut
from bridge.evals.files.reading import find_scenarios
from bridge.evals.files.writing import as_scenario
from bridge.evals.files.yaml_tree import BadScenario
from bridge.evals.prerequisites import CannotJudge
from bridge.evals.report import folder, table
from bridge.evals.run import CallResult, CallStatus
from bridge.evals.server_under_test import ServerFailed
from bridge.logs import escape, short
from bridge.plugins import PluginError
from bridge.records import query
from bridge.records.call_log import NONE, database_url, describe
from bridge.records.database import Database
from bridge.records.shelf import DatabaseFailed
from bridge.speech.api import ModelMissing

FAILURES: Final = {
    BadScenario: 2,
    settings.SettingsError: 2,
    CannotJudge: 2,
    server_url.NoAnswerThere: 2,
    ServerFailed: 1,
    DatabaseFailed: 1,
    PluginError: 1,
    ModelMissing: 1,
    aiohttp.ClientError: 1,
}
add_flags = flags_of_runs.add_flags


def run(flags: argparse.Namespace) -> int:
    """Play the scenarios, and print what became of them. Return 0; 1 where a call failed, 3 where we were late."""
    if flags.record:
        print(asyncio.run(_recorded(flags.record, settings.load(flags), flags.out)), end="")
        return 0
    if not flags.scenario:
        raise BadScenario("name scenario files, or folders of them: bridge eval scenarios/")
    scenarios = find_scenarios(flags.scenario)
    if flags.url and any(scenario.settings for scenario in scenarios):
        print(f"bridge: {flags.url} has settings of its own: those of the scenarios are not in force", file=sys.stderr)
    results = asyncio.run(runs.run(scenarios, flags_of_runs.options(flags), _tell))
    if flags.out:
        folder.write(results, flags.out)
    print(table.table(results))
    print(table.summary(results))
    return exit_code(results)


async def _recorded(name: str, options: settings.Settings, out: Path | None) -> str:
    """Return a scenario made of the call `name` of the log; with `out`, what the caller said is cut into files there.

    Raises:
        ValueError: it is not there, or nothing can be made of it. DatabaseFailed: the log cannot be read.
    """
    if options.records == NONE:
        raise ValueError("--records none: no calls are kept; --records URL or --state-dir says where the log is")
    url = database_url(options)
    if url.startswith("sqlite") and not await asyncio.to_thread(Path(url.partition("///")[2]).exists):
        raise ValueError(f"there is no call log at {url}; --records or --state-dir says where it is")
    database = Database.at(url)
    try:
        await database.migrate()
        row = await query.call(database, name)
        if row is None:
            raise ValueError(f"no call {name} in {describe(options)}; `bridge records list` has those there are")
        entries = await query.entries(database, str(row["record"]))
        sounds = await asyncio.to_thread(cut, entries, out, str(row["record"])[:12]) if out else {}
        return as_scenario(row, entries, sounds)
    finally:
        await database.close()


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


def _tell(done: int, of: int, made: MadeCall) -> None:
    told = escape(short(f"{made.job.name}{': ' + made.error if made.error else ''}", 400))
    print(f"[{done}/{of}] {told}", file=sys.stderr, flush=True)
