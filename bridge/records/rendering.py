"""Calls of the log as text: a table, one call from start to end, JSON lines, CSV."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from bridge.logs import escape, short
from bridge.records.entries import Entry, EntryKind

CSV_COLUMNS: Final = (
    "record call_id began_at ended_at wire direction caller callee route bot node language reason ended_by fault turns "
    "barge_ins faults duration_ms first_audio_ms heard_ms spoken_chars input_tokens output_tokens cost"
).split()
"""Columns of an export, in their order."""

_NUMBER_CHARS: Final = 20
_TEXT_CHARS: Final = 2000


def table(rows: Iterable[Mapping[str, object]]) -> Sequence[str]:
    """Return a line for each call, under a heading: what a terminal shows."""
    heading = (
        f"{'record':32}  {'began (UTC)':19}  {'wire':12} {'caller':20}  {'called':20}  {'took':>7}  {'waits':>7}  ended"
    )
    return [heading, *map(_line, rows)]


def _line(row: Mapping[str, object]) -> str:
    caller, callee = (escape(short(str(row[name]) or "?", _NUMBER_CHARS)) for name in ("caller", "callee"))
    took = f"{_number(row['duration_ms']) / 1000:.0f} s" if row["duration_ms"] is not None else "-"
    waits = f"{row['first_audio_ms']} ms" if row["first_audio_ms"] is not None else "-"
    over = f"{row['ended_by']}: {escape(short(str(row['reason']), 60))}"
    ended = "not yet, or its server died" if row["ended_at"] is None else over
    return (
        f"{row['record']:32}  {stamp(row['began_at'])[:19]}  {row['wire']!s:12} {caller:20}  {callee:20}  {took:>7}  "
        f"{waits:>7}  {ended}"
    )


def story(row: Mapping[str, object], entries: Iterable[Entry]) -> Sequence[str]:
    """Return one call from start to end, a line an entry: seconds since its begin, and what happened."""
    began = _number(row["began_at"])
    told = [name for name in CSV_COLUMNS if row[name] not in {None, ""} and not name.endswith("_at")]
    lines = [f"{name:15} {row[name]}" for name in told]
    lines.insert(0, f"{'began_at':15} {stamp(began)}")
    return [*lines, "", *(f"{entry.at - began:8.2f}  {entry.kind.value:9} {_told(entry)}" for entry in entries)]


def _told(entry: Entry) -> str:
    match entry.kind:
        case EntryKind.LATENCY:
            return ", ".join(f"{name.removesuffix('_ms')} {value} ms" for name, value in entry.data.items())
        case EntryKind.STARTED | EntryKind.ENDED:
            return escape(short(entry.text or str(entry.data.get("call_id", "")), _TEXT_CHARS))
    more = f"  [{', '.join(f'{name} {value}' for name, value in entry.data.items() if value)}]" if entry.data else ""
    return escape(short(f"{entry.text}{more}", _TEXT_CHARS))


def json_line(row: Mapping[str, object], entries: Iterable[Entry]) -> str:
    """Return one call with all that is kept of it, as one line of JSON. Times are ISO 8601."""
    return json.dumps(as_object(row, entries), ensure_ascii=False)


def as_object(row: Mapping[str, object], entries: Iterable[Entry] | None = None) -> dict[str, object]:
    """Return one call as JSON has it, with what happened in it where that is given."""
    told = {name: stamp(row[name]) if name.endswith("_at") else row[name] for name in CSV_COLUMNS}
    return told if entries is None else {**told, "entries": [entry_object(entry) for entry in entries]}


def entry_object(entry: Entry) -> dict[str, object]:
    """Return one entry as JSON has it."""
    return {
        "number": entry.number,
        "at": stamp(entry.at),
        "kind": entry.kind.value,
        "text": entry.text,
        "data": dict(entry.data),
    }


def csv_lines(rows: Iterable[Mapping[str, object]], *, heading: bool = True) -> str:
    """Return the columns of calls as CSV. A cell that a spreadsheet would take for a formula is quoted for it."""
    out = io.StringIO()
    writer = csv.writer(out)
    if heading:
        writer.writerow(CSV_COLUMNS)
    for row in rows:
        told = as_object(row)
        writer.writerow([_cell(told[name]) for name in CSV_COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    text = isinstance(value, str) and value.startswith(("=", "@", "-", "+", "\t", "\r"))
    return f"'{value}" if text and not str(value)[1:].isdigit() else value


def stamp(at: object) -> str:
    """Return `at`, seconds since 1970, in UTC by ISO 8601 with milliseconds; "" for None."""
    if at is None:
        return ""
    return datetime.fromtimestamp(_number(at), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
