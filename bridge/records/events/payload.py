"""What the webhook of events is told: one JSON object an event. Pure.

{"event": "turn", "id": "RECORD-4", "call": {"record": "RECORD", "id": "CA12", "from": "+49...", "to": "+49...", ...},
 "entry": {"number": 4, "at": "2026-01-31T12:00:00.000Z", "kind": "caller", "text": "Hello.", "data": {...}}}
"""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.records.entries import Entry, EntryKind
from bridge.records.rendering import as_object, entry_object

_EVENTS: Final = {
    EntryKind.STARTED: "call.started",
    EntryKind.ENDED: "call.ended",
    EntryKind.RECORDING: "call.recorded",
    EntryKind.REDACTED: "turn.redacted",
}
_NAMES: Final = {"record": "record", "id": "call_id", "from": "caller", "to": "callee"}
_SAME: Final = ("direction", "wire", "route", "bot", "node")


def event_id(entry: Entry) -> str:
    """Return what names an event for good: it stands in the header Idempotency-Key, too."""
    return f"{entry.record}-{entry.number}"


def body_of(row: Mapping[str, object], entry: Entry, record: Sequence[Entry]) -> bytes:
    """Return the body of the event that `entry` is, of the call `row`; `record`: all its entries, told at its end."""
    call = {name: row[column] for name, column in _NAMES.items()} | {name: row[name] for name in _SAME}
    told: dict[str, object] = {"event": _EVENTS.get(entry.kind, "turn"), "id": event_id(entry), "call": call}
    told["entry"] = entry_object(entry)
    if entry.kind is EntryKind.ENDED:
        told["record"] = as_object(row, record)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
