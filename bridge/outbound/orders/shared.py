"""Orders that several servers share: rows of their database, of which each server takes what it has room for.

An idle server asks for orders once a second; one that was just given an order asks at once.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.backoff import Backoff
from bridge.outbound.call_request import BadCallRequest, CallRequest
from bridge.outbound.dialler import Closing, Dialler, Full, NotAllowed, SharedOrder
from bridge.outbound.leg import PlacedCall, Status
from bridge.outbound.orders import rows
from bridge.outbound.orders.orders import TAKEN_BACK, KeyReused, OwnOrders
from bridge.outbound.orders.rows import Left
from bridge.records import query
from bridge.records.database import Database
from bridge.records.shelf import DatabaseFailed
from bridge.timeouts import wait_at_most

log = logging.getLogger(__name__)

LEASE_S: Final = 15.0
"""A server that has not been heard of for so long is dead."""
_BEAT_S: Final = 2.0
_LOOK_EVERY_S: Final = 1.0
_REST_S: Final = 2.0
"""A server that could not place what it took asks for nothing meanwhile: another may be luckier."""
_RETRY_S: Final = 0.5
_CLOSING_S: Final = 3.0
_LIMIT_S: Final = 10.0
"""For one transaction: a database that does not answer at all must hold no line."""
_NOT_OURS: Final = 200
_BEHIND: Final = 1000
"""The number of the last entry of a call whose server died is so much higher: what its disk still holds goes before."""

EndLive = Callable[[str, str], None]
"""Ends a call that is on a line of this server: its id, and who wants that."""


class SharedOrders:
    """Those of all servers on one database, as one of these servers has them. Run `run` as a task."""

    def __init__(
        self,
        database: Database,
        dialler: Dialler,
        *,
        node: str,
        wait_s: float,
        end_live: EndLive,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`node` names this process, and no other. `wait_s`: what nobody has placed by then has failed."""
        self._database, self._dialler, self._own = database, dialler, OwnOrders(dialler)
        self._node, self._wait_s, self._end_live, self._clock_s = node, wait_s, end_live, clock_s
        self._more = asyncio.Event()
        self._mine: dict[str, PlacedCall] = {}  # taken, until the database knows what became of them
        self._told: dict[str, tuple[object, ...]] = {}  # what it knows
        self._returned: dict[str, str] = {}  # why these are not placed here
        self._not_ours = deque[str](maxlen=_NOT_OURS)
        self._rests_until_s = self._beat_s = self._buried_s = -math.inf
        self._in_touch_since_s: float | None = None
        self._unrecorded: list[Left] = []  # calls of dead servers whose records have no end yet
        self._doubtful = False  # a transaction failed, perhaps after it was done

    # ------------------------------------------------------------ what the API asks

    async def place(self, request: CallRequest, *, key: str = "") -> PlacedCall:
        wire = self._dialler.wire_for(request)
        if self._dialler.closing:
            raise Closing("the server is shutting down")
        placed = PlacedCall(self._dialler.new_id(), request, wire)
        most = self._dialler.settings.dial_queue
        async with self._database.writing() as connection:
            known = await rows.get(connection, key=key) if key else None
            added = not known and await rows.add(connection, placed, key=key, most_waiting=most)
            if key and not known and not added:  # another server was a moment ahead
                known = await rows.get(connection, key=key)
        if known:
            if known.request != request:
                raise KeyReused(f"Idempotency-Key {key!r} was given with another order")
            return known
        if not added:
            raise Full(f"{most} calls wait already")
        self._more.set()
        return placed

    async def get(self, call_id: str) -> PlacedCall | None:
        if (mine := self._mine.get(call_id)) and mine.dialled:
            return mine
        if call_id not in self._mine and (own := await self._own.get(call_id)):
            return own
        with suppress(BadCallRequest):  # another version of this server wrote it
            async with self._database.reading() as connection:
                return await rows.get(connection, call_id=call_id)
        return None

    async def newest(self, status: Status | None, *, most: int) -> Sequence[PlacedCall]:
        async with self._database.reading() as connection:
            return await rows.newest(connection, status, most=most)

    async def take_back(self, call_id: str, *, by: str) -> bool:
        placed = await self._own.get(call_id)
        if placed and (placed.dialled or call_id not in self._mine):
            return await self._own.take_back(call_id, by=by)
        async with self._database.writing() as connection:
            return await rows.take_back(connection, call_id, by=by, reason=TAKEN_BACK)

    # ------------------------------------------------------------ what a server does

    async def run(self) -> None:
        """Take orders and place them, until cancelled."""
        backoff = Backoff(_RETRY_S, steady_s=0)
        failing = False
        while True:
            self._more.clear()
            try:
                async with asyncio.timeout(_LIMIT_S):
                    await self.round()
            except Exception as error:  # a fault of ours, too: orders wait in the database, and are asked for again
                if not failing:
                    ours = not isinstance(error, DatabaseFailed | TimeoutError)
                    text = "orders of calls cannot be had from the database, nor be told how calls ended: %r"
                    log.error(text, error, exc_info=ours)
                failing = self._doubtful = True
                self._in_touch_since_s = None
                await asyncio.sleep(backoff.failed(self._clock_s()))
                continue
            if failing:
                log.warning("orders of calls come from the database again")
            failing = False
            backoff.ready(self._clock_s())
            await wait_at_most(self._more, _LOOK_EVERY_S)

    async def round(self) -> None:
        """Tell the database what has become of ours, and take what there is room for.

        Raises:
            DatabaseFailed: it cannot be asked now.
        """
        now_s = self._clock_s()
        beats = now_s - self._beat_s >= _BEAT_S
        told = {call_id: _state(placed) for call_id, placed in self._mine.items() if placed.dialled}
        returned = dict(self._returned)
        async with self._database.writing() as connection:
            if beats:
                await rows.beat(connection, self._node)
                await rows.expire(connection, wait_s=self._wait_s)
            for call_id, state in told.items():
                if self._told.get(call_id) != state:
                    await rows.tell(connection, self._mine[call_id], self._node)
            for call_id, why in returned.items():
                await rows.give_back(connection, call_id, self._node, why=why)
            if self._doubtful:
                await rows.give_back_unknown(connection, self._node, list(self._mine))
            wanted = await rows.taken_back(connection, self._node) if told else {}
            taken = await self._claim(connection, now_s)
        self._doubtful = False
        self._in_touch(now_s, beats=beats)
        self._forget(told, returned)
        for call_id, by in wanted.items():
            self._end(call_id, by)
        for placed in taken:
            self._place(placed)
        await self._bury(now_s)

    async def close(self) -> None:
        """Tell the database how the last ones ended, and let others take what was not begun."""
        self._doubtful = True  # `run` may have been cancelled in the middle
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self.round()
                async with self._database.writing() as connection:
                    await rows.leave(connection, self._node)
        except (DatabaseFailed, TimeoutError) as error:
            log.warning("other servers will take us for lost: the database was not told how calls ended: %s", error)

    async def _claim(self, connection: AsyncConnection, now_s: float) -> Sequence[PlacedCall]:
        most = min(self._dialler.room, math.ceil(self._dialler.settings.dial_per_second * _LOOK_EVERY_S))
        if most <= 0 or self._dialler.closing or now_s < self._rests_until_s or not self._dialler.wires:
            return []
        ids = await rows.claim(connection, self._node, self._dialler.wires, most=most, but=self._not_ours)
        return [placed for call_id in ids if (placed := await self._read(connection, call_id))]

    async def _read(self, connection: AsyncConnection, call_id: str) -> PlacedCall | None:
        try:
            return await rows.get(connection, call_id=call_id)
        except BadCallRequest as why:  # another version wrote it
            self._leave_to_others(call_id, str(why))
            return None

    def _place(self, placed: PlacedCall) -> None:
        try:
            wire = self._dialler.wire_for(replace(placed.request, wire=placed.wire))
        except (NotAllowed, BadCallRequest) as why:  # other servers may have other rules
            self._leave_to_others(placed.call_id, str(why))
            return
        call_id = placed.call_id
        order = SharedOrder(
            call_id=call_id, request=placed.request, begin=lambda: self._begin(call_id), over=self._over
        )
        self._mine[call_id] = self._dialler.place_shared(order, wire)

    def _leave_to_others(self, call_id: str, why: str) -> None:
        self._returned[call_id] = why
        self._not_ours.append(call_id)

    async def _begin(self, call_id: str) -> bool:
        try:
            async with asyncio.timeout(_LIMIT_S), self._database.writing() as connection:
                return await rows.begin(connection, call_id, self._node)
        except (DatabaseFailed, TimeoutError) as error:
            log.warning("call %s is not placed yet, as the database cannot be told: %r", call_id, error)
            return False

    def _over(self, placed: PlacedCall) -> None:
        if not placed.dialled:
            self._mine.pop(placed.call_id, None)
            self._returned[placed.call_id] = placed.reason
            self._rests_until_s = self._clock_s() + _REST_S
        self._more.set()

    def _end(self, call_id: str, by: str) -> None:
        placed = self._mine.get(call_id)
        if placed and placed.status is Status.ANSWERED:
            self._end_live(call_id, by)
        elif placed:
            self._dialler.hang_up(call_id, TAKEN_BACK)

    def _forget(self, told: Mapping[str, tuple[object, ...]], returned: Mapping[str, str]) -> None:
        """Hold no more what the database knows."""
        self._told |= told
        for call_id, state in told.items():
            if state[0] is Status.ENDED:
                del self._mine[call_id], self._told[call_id]
        for call_id in returned:
            del self._returned[call_id]

    def _in_touch(self, now_s: float, *, beats: bool) -> None:
        if beats:
            self._beat_s = now_s
        if self._in_touch_since_s is None:
            self._in_touch_since_s = now_s

    # ------------------------------------------------------------ what the dead leave behind

    async def _bury(self, now_s: float) -> None:
        """See to what dead servers had in hand. Who was out of touch as long waits first: the others may be, too."""
        since_s = self._in_touch_since_s
        if since_s is None or now_s - since_s < LEASE_S or now_s - self._buried_s < _BEAT_S:
            return
        self._buried_s = now_s
        async with self._database.writing() as connection:
            left = await rows.bury(connection, lease_s=LEASE_S)
        for each in left:
            log.error("call %s: %s", each.call_id, each.reason)
        self._unrecorded += [each for each in left if each.answered]
        while self._unrecorded:
            await self._end_record(self._unrecorded[0])
            self._unrecorded.pop(0)

    async def _end_record(self, left: Left) -> None:
        """Write the end into the record of a call whose server died, which also tells the webhook of events."""
        row = await query.call(self._database, left.call_id)
        if row:
            await self._database.end([str(row["record"])], reason=left.reason, behind=_BEHIND)


def _state(placed: PlacedCall) -> tuple[object, ...]:
    return placed.status, placed.outcome, placed.reason, placed.answered_by
