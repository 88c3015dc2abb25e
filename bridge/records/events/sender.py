"""Tells the webhook of events what is in the database, at least once and in order per call, for a day.

It reads from the database alone, so that a restart goes on where the last process was, and no call waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from bridge.backoff import Backoff
from bridge.records import query
from bridge.records.database import Database
from bridge.records.entries import Entry
from bridge.records.events import deliveries
from bridge.records.events.deliveries import Claim
from bridge.records.events.payload import body_of, event_id
from bridge.records.shelf import DatabaseFailed
from bridge.records.tables import ahead_s
from bridge.timeouts import wait_at_most

log = logging.getLogger(__name__)

Post = Callable[[str, bytes], Awaitable[None]]
"""Sends a body under an id.

Raises:
    NotTaken: the receiver did not take it.
"""

AT_ONCE: Final = 8
"""Calls that are told of at the same time."""
CLAIM_S: Final = 30.0
"""A call is claimed so long; a process that died keeps others from it for no longer."""
_WORK_S: Final = 15.0
"""No event of a claimed call is begun later: with the time for one, that is less than the claim."""
_DAY_S: Final = 86_400.0
_FIRST_S: Final = 1.0
_LONGEST_S: Final = 60.0
_LOOK_EVERY_S: Final = 2.0
"""Events of other bridges, and those whose time has come, are looked for so often; our own come at once."""
_LEAST_PAUSE_S: Final = 0.05


class NotTaken(Exception):
    """The receiver is not there, refuses, or is too slow. The text says which."""


class EventsSender:
    """One server's. Run `run` as a task."""

    def __init__(
        self,
        database: Database,
        post: Post,
        *,
        on_given_up: Callable[[], None] = lambda: None,
        on_told: Callable[[], None] = lambda: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`wall`: seconds since 1970, as this machine has them. `on_told`: an event was taken; `on_given_up`: a call
        was given up."""
        self._database, self._post, self._wall = database, post, wall
        self._on_given_up, self._on_told = on_given_up, on_told
        self._more = asyncio.Event()
        self._failing = False
        self._ahead_s = 0.0

    def _now(self) -> float:
        return self._wall() + self._ahead_s

    def wake(self) -> None:
        """There may be something to tell."""
        self._more.set()

    async def run(self) -> None:
        """Tell, until cancelled."""
        backoff, loop_s = Backoff(_FIRST_S, steady_s=0), asyncio.get_running_loop().time
        while True:
            self._more.clear()
            try:
                took = await self.round()
            except DatabaseFailed as error:
                log.debug("the webhook of events waits for the database: %s", error)
                await asyncio.sleep(backoff.failed(loop_s()))
                continue
            if took is False:  # nobody takes anything: there is no use in asking for each call
                await asyncio.sleep(backoff.failed(loop_s()))
            elif took is None:
                await wait_at_most(self._more, _LOOK_EVERY_S)
            else:
                backoff.ready(loop_s())
            await asyncio.sleep(_LEAST_PAUSE_S)

    async def round(self) -> bool | None:
        """Tell of the calls that are due; return whether any event was taken, None where none was due.

        Raises:
            DatabaseFailed: it cannot be read or written now.
        """
        async with self._database.writing() as connection:
            # By the clock of all who share it: who is ahead by more than a claim lasts would take every claim for over.
            self._ahead_s = await ahead_s(connection, self._wall())
            claims = await deliveries.claim(connection, now=self._now(), for_s=CLAIM_S, most=AT_ONCE)
        if not claims:
            return None
        async with asyncio.TaskGroup() as tasks:
            telling = [tasks.create_task(self._tell(claim)) for claim in claims]
        results = [task.result() for task in telling]
        if failure := next((result for result in results if isinstance(result, DatabaseFailed)), None):
            raise failure
        return any(result is True for result in results)

    async def _tell(self, claim: Claim) -> "bool | DatabaseFailed":
        """Tell of one call; return whether it went well. A database that fails is returned: it costs no other call."""
        try:
            return await self._tell_of(claim)
        except DatabaseFailed as error:
            return error

    async def _tell_of(self, claim: Claim) -> bool:
        entries = await query.entries(self._database, claim.record)
        row = await query.call(self._database, claim.record)  # second: what the last entry ended, it has
        begun, tries, since = asyncio.get_running_loop().time(), claim.tries, claim.failing_since
        for entry in entries:
            if row is None or entry.number <= claim.told or entry.kind not in deliveries.TOLD:
                continue
            if asyncio.get_running_loop().time() - begun > _WORK_S:
                break
            try:
                await self._post(event_id(entry), body_of(row, entry, entries))
            except NotTaken as error:
                await self._failed(claim.record, entry, error, tries=tries, since=since)
                return False
            tries, since = 0, None
            self._took()
            async with self._database.writing() as connection:
                await deliveries.done(connection, claim.record, entry.number)
        async with self._database.writing() as connection:
            await deliveries.release(connection, claim.record, now=self._now())
        return True

    def _took(self) -> None:
        if self._failing:
            log.warning("the webhook of events takes them again")
        self._failing = False
        self._on_told()

    async def _failed(self, record: str, entry: Entry, error: NotTaken, *, tries: int, since: float | None) -> None:
        now = self._now()
        if not self._failing:
            log.error("the webhook of events did not take %s, and is asked again for a day: %s", event_id(entry), error)
        self._failing = True
        if since is not None and now - since > _DAY_S:
            log.error("the webhook of events has not taken %s for a day: it is told no more of that", event_id(entry))
            self._on_given_up()
            write = partial(deliveries.give_up, record=record)
        else:
            pause_s = min(_FIRST_S * 2 ** min(tries, 10), _LONGEST_S)
            write = partial(deliveries.put_off, record=record, until=now + pause_s, since=since or now)
        async with self._database.writing() as connection:
            await write(connection)
