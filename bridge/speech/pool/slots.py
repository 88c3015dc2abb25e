"""Decodes wait here for an engine that has room, and get it in the order of the queue."""

import asyncio
from collections.abc import Callable
from typing import Final

from bridge.speech.api import Request, Standing
from bridge.speech.pool.member import Member
from bridge.speech.pool.queueing import Failed, FairQueue, Ticket
from bridge.speech.pool.roster import Roster
from bridge.timeouts import timeout

_LIVE_S: Final = 10.0
"""So long after a decode for somebody who speaks half of the engines stays free for them."""
_HOLD_S: Final = 0.5
"""So long after it none begins for audio faster than speech: the reply is made meanwhile, on the same processor."""


class Slots:
    """What the engines of `roster` have room for, and who waits for it. On the event loop only."""

    def __init__(self, roster: Roster, clock_s: Callable[[], float]) -> None:
        self._roster, self._clock_s = roster, clock_s
        self._queue = FairQueue()
        self._granted: dict[Ticket, asyncio.Future[Member | None]] = {}
        self._live_in_hand = 0
        self._live_s = -float("inf")  # when somebody who speaks last had a decode
        self._timer: asyncio.TimerHandle | None = None  # for the end of a hold

    async def take(self, request: Request, failed: Failed, *, wait_s: float | None) -> Member | None:
        """Return the engine that tries `request`, which is to be given back; None if none will within `wait_s`.

        `wait_s`: None waits for as long as an engine may take it.
        """
        if request.standing is not Standing.FAST:
            self._live_s = self._clock_s()
        ticket = self._queue.add(request, failed)
        future = self._granted[ticket] = asyncio.get_running_loop().create_future()
        member: Member | None = None
        try:
            self.changed()
            if not future.done():
                async with timeout(wait_s):
                    await asyncio.wait([future])
            member = future.result() if future.done() else None
        except TimeoutError:
            member = future.result() if future.done() else None
        except asyncio.CancelledError:
            if future.done() and (lost := future.result()):
                self.give_back(lost, request, took_s=0.0)
            raise
        finally:
            self._queue.remove(ticket)
            self._granted.pop(ticket, None)
        return member

    def give_back(self, member: Member, request: Request, *, took_s: float) -> None:
        """Note that `member` works on `request` no more, for which it took so long."""
        member.ended(request)
        if request.standing is not Standing.FAST:
            self._live_in_hand -= 1
            self._live_s = self._clock_s()
        self._queue.spent(request.session, took_s)
        self.changed()

    def changed(self) -> None:
        """Hand out what can be had now. To be called when an engine is better or worse off than before."""
        while self._grant_one():
            pass
        if self._timer is None and self._holds and self._queue.has(Standing.FAST):
            self._timer = asyncio.get_running_loop().call_later(_HOLD_S, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self.changed()

    @property
    def _holds(self) -> bool:
        """Whether somebody who speaks has a decode, or had one just now."""
        return self._live_in_hand > 0 or self._clock_s() - self._live_s < _HOLD_S

    def _choose(self, ticket: Ticket) -> Member | None:
        if ticket.request.standing is Standing.FAST and self._holds and not self._queue.share_is_due:
            return None
        live = self._clock_s() - self._live_s < _LIVE_S
        return self._roster.choose(ticket.request, ticket.failed, live=live)

    def _grant_one(self) -> bool:
        for ticket in self._queue.in_order():
            if member := self._choose(ticket):
                member.began(ticket.request)
                self._live_in_hand += ticket.request.standing is not Standing.FAST
                self._queue.granted(ticket)
            elif self._roster.may_wait(ticket.request, ticket.failed, ahead=self._queue.ahead_of(ticket)):
                continue
            else:
                self._queue.remove(ticket)
            self._granted[ticket].set_result(member)
            return True
        return False
