"""The calls of a server as those see them who ask over HTTP: what is on the line from memory, the rest from the log."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.recording import shelf
from bridge.records.call_log import CallLog
from bridge.records.entries import Entry
from bridge.records.rendering import as_object, entry_object

_WRITTEN_S: Final = 60.0
"""So long after its end a call is in the database, or that is down."""


@dataclass(frozen=True, slots=True)
class CallFound:
    """One call."""

    row: Mapping[str, object]
    """Its columns in the log."""
    live: bool
    """It is on a line of this server."""

    @property
    def record(self) -> str:
        """The name of its record."""
        return str(self.row["record"])

    def told(self, entries: Sequence[Entry] | None = None) -> dict[str, object]:
        """Return it as JSON has it."""
        told = {**as_object(self.row), "live": self.live}
        return told if entries is None else {**told, "entries": [entry_object(entry) for entry in entries]}


@dataclass(frozen=True, slots=True)
class CallsElsewhere:
    """The calls of other workers of this server, as their rows."""

    live: Sequence[Mapping[str, object]] = ()
    """On their lines."""
    held: Sequence[Mapping[str, object]] = ()
    """These, and those that ended last."""


class CallArchive:
    """What is known of the calls of one server, and of all that share its database."""

    def __init__(self, log: CallLog, elsewhere: CallsElsewhere = CallsElsewhere()) -> None:
        """`elsewhere`: what lists hold, too."""
        self._live, self._database, self._elsewhere = log.live, log.database, elsewhere

    async def calls(self, wanted: Mapping[str, str], *, since: float | None, until: float | None, limit: int) -> "Page":
        """Return the calls that are `wanted`, by the names of `query.Wanted`, the newest first, at most `limit`.

        Raises:
            DatabaseFailed: they cannot be read.
        """
        on = {call.record for call in self.on_the_line().calls}
        if not self._database:
            held = [*(call.row for call in reversed(self._live.held())), *self._elsewhere.held]
            return Page([CallFound(row, row["record"] in on) for row in _newest_first(held)][:limit], "")
        from bridge.records import query

        rows = await query.calls(self._database, query.Wanted(**wanted, since=since, until=until, limit=limit))
        found = [CallFound(row, row["record"] in on) for row in rows]
        return Page(found, found[-1].record if len(found) >= limit else "")

    def on_the_line(self) -> "Page":
        """Return the calls that are on a line of this server, the newest first."""
        rows = [*(call.row for call in self._live.on_the_line()), *self._elsewhere.live]
        return Page([CallFound(row, live=True) for row in _newest_first(rows)], "")

    async def call(self, name: str) -> CallFound | None:
        """Return the call whose record is `name`, else the newest one that its wire called so.

        Raises:
            DatabaseFailed: it cannot be read.
        """
        self._leave_to_database()
        if held := self._live.get(name):
            return CallFound(held.row, live=not held.over)
        if not self._database:
            return None
        from bridge.records import query

        row = await query.call(self._database, name)
        return CallFound(row, live=False) if row else None

    async def entries(self, record: str, *, after: int = 0) -> Sequence[Entry]:
        """Return what has happened on a call so far, in order, from the entry behind number `after` on.

        Raises:
            DatabaseFailed: it cannot be read.
        """
        call = self._live.get(record)
        held = [entry for entry in call.entries if entry.number > after] if call else []
        if not self._database or (held and held[0].number == after + 1):
            return held
        from bridge.records import query

        kept = await query.entries(self._database, record, after=after)
        return in_order([*kept, *held])

    async def since(self, at: float, *, most: int) -> Sequence[Entry]:
        """Return what has happened on all calls from `at` on, by time, the `most` oldest.

        Raises:
            DatabaseFailed: it cannot be read.
        """
        self._leave_to_database()
        held = [entry for call in self._live.held() for entry in call.entries if entry.at >= at]
        kept: Sequence[Entry] = ()
        if self._database:
            from bridge.records import query

            kept = await query.entries_since(self._database, at, most=most)
        return sorted(in_order([*kept, *held]), key=lambda entry: (entry.at, entry.record, entry.number))[:most]

    def _leave_to_database(self) -> None:
        """Forget calls that ended a while ago: what was deleted of them meanwhile must not be here any more."""
        if self._database:
            self._live.forget_older(time.time() - _WRITTEN_S)

    async def erase(self, record: str, *, recordings: Sequence[Path] = ()) -> Sequence[str]:
        """Delete the record of a call, also where it waits in a backlog, and what is recorded of it; return what was
        deleted. `recordings`: the folders of those.

        Raises:
            DatabaseFailed, OSError: it was not.
        """
        self._live.forget(record)
        if not self._database:
            await asyncio.to_thread(shelf.delete, recordings, record)
            return [record]
        from bridge.records.deletion import erase

        return await erase(self._database, now=time.time(), record=record, recordings=recordings)


@dataclass(frozen=True, slots=True)
class Page:
    """Some calls, and how to get the next."""

    calls: Sequence[CallFound]
    before: str
    """What the next page is asked for with; "" where there is none."""


def _newest_first(rows: Sequence[Mapping[str, object]]) -> Sequence[Mapping[str, object]]:
    return sorted(rows, key=lambda row: float(str(row["began_at"])), reverse=True)


def in_order(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return `entries` by record and number, each once."""
    once = {(entry.record, entry.number): entry for entry in entries}
    return [once[key] for key in sorted(once)]
