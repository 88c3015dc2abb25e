"""The calls that are on the line, and who follows what happens on them: in memory, whatever the database does.

Journal -Entry-> LiveCalls -> Followed, one for each who follows
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import Final, Protocol

from bot.actions import Transfer
from bridge.records.entries import ENDING, Entry, EntryKind, amend
from bridge.records.journal import Journal
from bridge.redaction.redactor import Redactor

HELD: Final = 200
"""Entries of a call that are held here; the database has the others."""
_OVER: Final = 50
"""Calls that are over and still held: the database may not have their last entries yet."""
_BEHIND: Final = 1000
"""Entries that a follower may be behind."""
_FOLLOWERS: Final = 200
_FACTS: Final = ("call_id", "wire", "direction", "caller", "callee", "route", "bot", "node")


class Operated(Protocol):
    """What an operator may have done to a call."""

    def finish(self, reason: str) -> None:
        """End the call with the bot's goodbye."""

    def put_in(self, piece: str | Transfer) -> None:
        """Say or do `piece`, instead of what is being said."""


class TooManyFollow(Exception):
    """More follow calls than this server has patience for."""


class NotOnTheLine(Exception):
    """The call is over, or not yet begun."""


class LiveCall:
    """One call, while it is made and a little longer."""

    def __init__(self, started: Entry, journal: Journal) -> None:
        self.record, self._started, self._journal = started.record, started, journal
        self.entries: deque[Entry] = deque(maxlen=HELD)
        """The newest."""
        self._ended: Entry | None = None
        self._turns = self._faults = 0
        self._call: Operated | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._ended is not None

    @property
    def ended_at(self) -> float:
        """When, in seconds since 1970; infinity while it is on."""
        return self._ended.at if self._ended else inf

    @property
    def row(self) -> Mapping[str, object]:
        """What the database has, or will have, of the call as a whole: the columns of its row."""
        facts = {name: str(self._started.data.get(name, "")) for name in _FACTS}
        so_far = {"turns": self._turns, "barge_ins": 0, "faults": self._faults, "duration_ms": None}
        row: dict[str, object] = {"record": self.record, "began_at": self._started.at, **facts}
        row |= dict.fromkeys(ENDING) | so_far | {"ended_at": None, "reason": ""}
        row |= dict.fromkeys(("language", "ended_by", "fault"), "")
        if end := self._ended:
            row |= {"ended_at": end.at, "reason": end.text}
            row |= {name: end.data[name] for name in ENDING if name in end.data}
        return row

    def say(self, text: str, *, by: str) -> None:
        """Have `text` said instead of what is being said. `by` names the operator, for the record.

        Raises:
            NotOnTheLine: it is too late.
        """
        self._note("say", by=by, text=text).put_in(text)

    def transfer(self, target: str, *, by: str) -> None:
        """Have the caller transferred to `target`; the record tells whether that happened.

        Raises:
            NotOnTheLine: it is too late.
            ValueError: `target` is none.
        """
        action = Transfer(target)
        self._note("transfer", by=by, text=target).put_in(action)

    def end(self, *, by: str) -> None:
        """End it with the bot's goodbye.

        Raises:
            NotOnTheLine: it is too late.
        """
        self._note("hangup", by=by).finish("an operator ended the call")

    @contextmanager
    def operated(self, call: Operated) -> Iterator[None]:
        """Let operators have something done to `call`, inside the `with`."""
        self._call = call
        try:
            yield
        finally:
            self._call = None

    def add(self, entry: Entry) -> None:
        """Hold `entry`."""
        amend(self.entries, entry)
        self.entries.append(entry)
        self._turns += entry.kind is EntryKind.CALLER
        self._faults += entry.kind is EntryKind.FAULT
        if entry.kind is EntryKind.ENDED:
            self._ended = entry

    def _note(self, what: str, *, by: str, text: str = "") -> Operated:
        if not self._call:
            raise NotOnTheLine("the call is over, or has not begun")
        self._journal.operated(what, by=by, text=text)
        return self._call


class Followed:
    """What one follower has not been told yet."""

    def __init__(self, record: str) -> None:
        self._record = record
        self._waiting: deque[Entry] = deque()
        self._more = asyncio.Event()
        self.behind = False
        """It was too slow: it has not been told all, and is told no more."""
        self.closed = False
        """The server goes down."""

    def put(self, entry: Entry) -> None:
        """Have the follower told of `entry`, where it is of the call that it follows."""
        if self._record and entry.record != self._record:
            return
        amend(self._waiting, entry)
        self.behind = self.behind or len(self._waiting) >= _BEHIND
        if self.behind:
            self._waiting.clear()
        else:
            self._waiting.append(entry)
        self._more.set()

    def close(self) -> None:
        """Tell it no more."""
        self.closed = True
        self._more.set()

    async def next(self) -> Entry | None:
        """Return the next entry; None where there is no more: see `behind` and `closed`."""
        while not self._waiting:
            if self.behind or self.closed:
                return None
            self._more.clear()
            await self._more.wait()
        return self._waiting.popleft()


class LiveCalls:
    """All calls of one server that are on the line, and who follows them."""

    def __init__(self) -> None:
        self._on: dict[str, LiveCall] = {}
        self._over: OrderedDict[str, LiveCall] = OrderedDict()
        self._followers: set[Followed] = set()
        self._closed = False

    def open(
        self,
        keep: Callable[[Entry], None],
        *,
        on_answer: Callable[[Mapping[str, int]], None] = lambda times: None,
        redactor: Redactor | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> Journal:
        """Return the journal of a call that begins; `keep` gets each of its entries; the others as for `Journal`."""

        def add(entry: Entry) -> None:
            keep(entry)
            self._add(entry, journal)

        journal = Journal(add, on_answer=on_answer, redactor=redactor, prices=prices)
        return journal

    def on_the_line(self) -> Sequence[LiveCall]:
        """Return the calls under way, the newest first."""
        return list(reversed(self._on.values()))

    def held(self) -> Sequence[LiveCall]:
        """Return the calls under way and those that ended last."""
        return [*self._over.values(), *self._on.values()]

    def get(self, name: str) -> LiveCall | None:
        """Return the call whose record is `name`, else the newest that its wire calls so, of those held here."""
        if found := self._on.get(name) or self._over.get(name):
            return found
        named = (call for call in reversed(self.held()) if call.row["call_id"] == name)
        return next(named, None)

    @contextmanager
    def operated(self, record: str, call: Operated) -> Iterator[None]:
        """Let operators have something done to `call`, whose record that is, inside the `with`."""
        live = self._on.get(record)
        if live is None:  # a call that is not kept
            yield
            return
        with live.operated(call):
            yield

    def forget(self, record: str) -> None:
        """Hold nothing more of a call that is over."""
        self._over.pop(record, None)

    def forget_older(self, before: float) -> None:
        """Hold nothing more of calls that ended `before`, seconds since 1970."""
        for record in [call.record for call in self._over.values() if call.ended_at < before]:
            del self._over[record]

    @contextmanager
    def follow(self, record: str = "") -> Iterator[Followed]:
        """Yield what tells of each entry from now on; `record`: of that call only.

        Raises:
            TooManyFollow: too many do.
        """
        if len(self._followers) >= _FOLLOWERS:
            raise TooManyFollow(f"{_FOLLOWERS} follow events already")
        follower = Followed(record)
        if self._closed:
            follower.close()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def close(self) -> None:
        """The server goes down: nobody is told more."""
        self._closed = True
        for follower in self._followers:
            follower.close()

    def _add(self, entry: Entry, journal: Journal) -> None:
        if entry.kind is EntryKind.STARTED:
            self._on[entry.record] = LiveCall(entry, journal)
        call = self._on.get(entry.record) or self._over.get(entry.record)
        if call:
            call.add(entry)
        if call and call.over and entry.record in self._on:
            self._over[entry.record] = self._on.pop(entry.record)
            while len(self._over) > _OVER:
                self._over.popitem(last=False)
        for follower in list(self._followers):
            follower.put(entry)
