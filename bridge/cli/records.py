"""`bridge records`: lists, shows, exports and deletes the calls of the log."""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from bridge import settings
from bridge.recording.recordings import expire, roots
from bridge.records import deletion, query, rendering
from bridge.records.call_log import NONE, database_url
from bridge.records.database import Database
from bridge.records.query import Wanted
from bridge.records.shelf import DatabaseFailed
from bridge.settings.types import seconds

FAILURES: Final = {settings.SettingsError: 2, DatabaseFailed: 1, OSError: 1}
_TOLD_EVERY: Final = 1000
"""Calls between two lines of progress."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the commands below it."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the server's TOML file, for where its log is")
    parser.add_argument("--records", metavar="URL", help="the log's database, instead of what the server's options say")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="the server's folder, for the same")
    below = parser.add_subparsers(dest="what", required=True, metavar="list | show | export | delete | vacuum")
    lists = below.add_parser("list", help="one line a call, the newest first")
    _add_filters(lists)
    lists.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    show = below.add_parser("show", help="one call from start to end")
    show.add_argument("name", help="its record, or what its wire called it")
    show.add_argument("--json", action="store_true", help="as JSON")
    export = below.add_parser("export", help="all calls, or those that are asked for")
    _add_filters(export)
    export.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="csv has the columns of calls alone"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="where to write; standard output otherwise")
    delete = below.add_parser("delete", help="a call, or all calls of a number; what waits in a backlog too")
    delete.add_argument("name", nargs="*", help="records, or what their wires called them")
    delete.add_argument("--phone", default="", metavar="NUMBER", help="all calls from or to exactly this number")
    below.add_parser(
        "vacuum", help="delete what is too old by --keep-text, --keep-audio and --keep-calls, and give its room back"
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--text", default="", help="calls in which this was said or done")
    parser.add_argument("--phone", default="", metavar="PART", help="calls from or to such a number")
    parser.add_argument("--wire", default="", help="twilio, sip ...")
    parser.add_argument("--route", default="", help="the route that answered")
    parser.add_argument("--since", type=_time, metavar="DAY", help="2026-01-31, or 2026-01-31T12:00, in UTC")
    parser.add_argument("--until", type=_time, metavar="DAY", help="the same; calls that began before it")


def _time(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def run(flags: argparse.Namespace) -> int:
    """Do it. Return 0; 1 where what was asked for is not there."""
    given = {name: getattr(flags, name) for name in ("config", "records", "state_dir") if getattr(flags, name)}
    options = settings.load(given)
    if options.records == NONE:
        print("bridge: --records none: no calls are kept", file=sys.stderr)
        return 1
    does: Mapping[str, Callable[[Database, argparse.Namespace, settings.Settings], Awaitable[int]]] = {
        "list": _list,
        "show": _show,
        "export": _export,
        "delete": _delete,
        "vacuum": _vacuum,
    }
    url = database_url(options)
    if url.startswith("sqlite") and not Path(url.partition("///")[2]).exists():
        print(f"bridge: there is no call log at {url}; --records or --state-dir says where it is", file=sys.stderr)
        return 1
    out = flags.out.open("w", encoding="utf-8", newline="") if getattr(flags, "out", None) else nullcontext(sys.stdout)
    with out as flags.stream:
        return asyncio.run(_with_database(does[flags.what], flags, options))


async def _with_database(
    do: Callable[[Database, argparse.Namespace, settings.Settings], Awaitable[int]],
    flags: argparse.Namespace,
    options: settings.Settings,
) -> int:
    database = Database.at(database_url(options))
    try:
        await database.migrate()
        return await do(database, flags, options)
    finally:
        await database.close()


def _wanted(flags: argparse.Namespace, *, limit: int, before: str = "") -> Wanted:
    return Wanted(
        text=flags.text,
        phone=flags.phone,
        wire=flags.wire,
        route=flags.route,
        since=flags.since,
        until=flags.until,
        limit=limit,
        before=before,
    )


async def _list(database: Database, flags: argparse.Namespace, _: settings.Settings) -> int:
    print("\n".join(rendering.table(await query.calls(database, _wanted(flags, limit=flags.limit)))))
    return 0


async def _show(database: Database, flags: argparse.Namespace, _: settings.Settings) -> int:
    if (row := await query.call(database, flags.name)) is None:
        print(f"bridge: no call {flags.name}", file=sys.stderr)
        return 1
    entries = await query.entries(database, str(row["record"]))
    print(rendering.json_line(row, entries) if flags.json else "\n".join(rendering.story(row, entries)))
    return 0


async def _export(database: Database, flags: argparse.Namespace, _: settings.Settings) -> int:
    out: TextIO = flags.stream
    count = 0
    async for row in _all(database, flags):
        if flags.format == "csv":
            out.write(rendering.csv_lines([row], heading=not count))
        else:
            out.write(rendering.json_line(row, await query.entries(database, str(row["record"]))) + "\n")
        count += 1
        if count % _TOLD_EVERY == 0:
            print(f"{count} calls", file=sys.stderr)
    print(f"{count} calls, done", file=sys.stderr)
    return 0


async def _all(database: Database, flags: argparse.Namespace) -> AsyncIterator[Mapping[str, object]]:
    before = ""
    while rows := await query.calls(database, _wanted(flags, limit=query.MOST, before=before)):
        for row in rows:
            yield row
        before = str(rows[-1]["record"])


async def _delete(database: Database, flags: argparse.Namespace, options: settings.Settings) -> int:
    if not flags.name and not flags.phone:
        print("bridge: name calls, or --phone NUMBER", file=sys.stderr)
        return 2
    gone, missing = 0, False
    for name in flags.name:
        row = await query.call(database, name)
        missing = missing or row is None
        if row is None:
            print(f"bridge: no call {name}", file=sys.stderr)
        else:
            record = str(row["record"])
            gone += len(await deletion.erase(database, now=time.time(), record=record, recordings=roots(options)))
    if flags.phone:
        gone += len(await deletion.erase(database, now=time.time(), phone=flags.phone, recordings=roots(options)))
    print(f"{gone} calls deleted")
    return int(missing)


async def _vacuum(database: Database, _: argparse.Namespace, options: settings.Settings) -> int:
    ages = {"keep_text_s": options.keep_text, "keep_calls_s": options.keep_calls}
    told = {name: seconds(age) for name, age in ages.items()}
    before = time.time() - seconds(options.keep_audio)
    audio = await asyncio.to_thread(expire, options, before=before)
    words, calls = await deletion.expire(database, now=time.time(), recordings=roots(options), **told)
    print(f"{audio} recordings deleted, {words} entries lost their words, {calls} calls deleted")
    await database.vacuum()
    return 0
