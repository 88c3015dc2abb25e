"""Places calls: who may be called, when each call begins, and what became of it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from uuid import uuid4

from bridge.admission.lines import Busy, Carrier
from bridge.leg import OpeningLeg
from bridge.legs.sip.uri import host_of
from bridge.outbound.call_request import BadCallRequest, CallRequest, is_allowed, redirected_to
from bridge.outbound.leg import OutboundLeg, PlacedCall, Status
from bridge.settings import Settings
from telephony.outcome import NotAnswered, Outcome

log = logging.getLogger(__name__)

REMEMBERED: Final = 1000
"""Calls that are over and can still be asked for."""
_GOING: Final = "the server is shutting down"

Trunk = Callable[[CallRequest, str], OpeningLeg]
"""Returns the leg of the call that is requested, under this id; its start rings it.

Raises:
    OSError: the wire does not work.
"""


Carry = Callable[[OpeningLeg, str], Awaitable[None]]
"""Carries a leg, over a wire of that name, from its start to its end."""


class NotAllowed(Exception):
    """This number may not be called; the text says how to allow it."""


class Full(Exception):
    """Too many calls wait."""


class TooLoaded(Exception):
    """Those on the line would suffer from more calls; it may be asked for later."""


class Closing(Exception):
    """The server is going down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOrder:
    """A call that any of several servers may place, and this one has taken."""

    call_id: str
    request: CallRequest
    begin: Callable[[], Awaitable[bool]]
    """Returns whether it is still this server's to place. It is asked just before the call is given to its wire."""
    over: Callable[[PlacedCall], None]
    """Is called once the call has ended, or will not be placed here: `dialled` tells."""


class Dialler:
    """All calls out of one server."""

    def __init__(
        self,
        settings: Settings,
        carrier: Carrier,
        trunks: Mapping[str, Trunk],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        clock_s: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
    ) -> None:
        """`trunks`: the wires that can place calls, by name; the first is for requests that name none."""
        self.settings, self._carrier, self._trunks = settings, carrier, trunks
        self._pause, self.new_id, self._clock_s = pause, new_id, clock_s
        self._slots = asyncio.Semaphore(settings.dial_ringing)
        self._next_s = 0.0  # no call begins before
        self._calls: OrderedDict[str, PlacedCall] = OrderedDict()
        self._ended: OrderedDict[str, PlacedCall] = OrderedDict()
        self._tasks: dict[asyncio.Task[None], PlacedCall] = {}
        self._legs: dict[str, OutboundLeg] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def wires(self) -> Collection[str]:
        """What calls can be placed over."""
        return self._trunks.keys()

    def place(
        self,
        request: CallRequest,
        *,
        carry: Carry | None = None,
        ended: Callable[[PlacedCall], None] = lambda _: None,
    ) -> PlacedCall:
        """Have a call placed when it is its turn; return it, and what becomes of it.

        `carry`: what serves it instead of a bot. `ended` is called once it is over.

        Raises:
            NotAllowed: not to that number.
            BadCallRequest: not over that wire, or not as that caller.
            Full, Closing, TooLoaded: not now.
        """
        wire = self.wire_for(request)
        if self._carrier.lines.draining:
            raise Closing(_GOING)
        if overload := self._carrier.lines.overload:
            raise TooLoaded(overload)
        if self._queued >= self.settings.dial_queue:
            raise Full(f"{self.settings.dial_queue} calls wait already")
        placed = PlacedCall(self.new_id(), request, wire)
        self._begin(placed, self._place(placed, carry or self._converse), ended)
        return placed

    def place_shared(self, order: SharedOrder, wire: str) -> PlacedCall:
        """Have a call placed that was ordered from several servers; `wire` is what `wire_for` says."""
        placed = PlacedCall(order.call_id, order.request, wire)
        self._begin(placed, self._place(placed, self._converse, order.begin), order.over, shared=True)
        return placed

    @property
    def room(self) -> int:
        """How many more calls could be dialled now."""
        ringing = sum(call.status is Status.RINGING for call in self._calls.values())
        return max(0, min(self.settings.dial_ringing - ringing, self._carrier.lines.free_calls) - self.unbegun)

    @property
    def unbegun(self) -> int:
        """How many calls were not given to their wires yet."""
        return sum(not call.dialled for call in self._calls.values())

    @property
    def closing(self) -> bool:
        """The server takes no new calls any more."""
        return self._carrier.lines.draining

    @property
    def _queued(self) -> int:
        return sum(call.status is Status.QUEUED for call in self._calls.values())

    def _begin(
        self,
        placed: PlacedCall,
        work: Coroutine[object, object, None],
        ended: Callable[[PlacedCall], None],
        *,
        shared: bool = False,
    ) -> None:
        self._calls[placed.call_id] = placed
        task = asyncio.create_task(work)
        self._tasks[task] = placed
        task.add_done_callback(partial(self._over, ended, shared))

    def get(self, call_id: str) -> PlacedCall | None:
        """Return a call under way, or one of the last that ended."""
        return self._calls.get(call_id) or self._ended.get(call_id)

    def newest(self) -> Sequence[PlacedCall]:
        """Return the calls under way, then the last that ended, each the newest first."""
        return [*reversed(self._calls.values()), *reversed(self._ended.values())]

    def hang_up(self, call_id: str, reason: str) -> None:
        """Give a call up that was not answered yet; whoever carries it ends one that was."""
        placed = self._calls.get(call_id)
        if placed and placed.status is Status.QUEUED:
            placed.end(Outcome.FAILED, reason)
            next(task for task, call in self._tasks.items() if call is placed).cancel()
        elif placed and placed.status is Status.RINGING:
            self._closing.add(task := asyncio.create_task(self._legs[call_id].close(reason)))
            task.add_done_callback(self._closing.discard)

    def drain(self) -> None:
        """Place no more calls; those that ring may be answered. Call it once `lines` is draining."""
        for task, placed in list(self._tasks.items()):
            if placed.status is Status.QUEUED:
                placed.end(Outcome.FAILED, _GOING)
                task.cancel()

    async def close(self) -> None:
        """Place no more calls, and hang up those that ring. The calls that were answered end as all calls do."""
        self.drain()
        ringing = [leg for call, leg in self._legs.items() if self._calls[call].status is Status.RINGING]
        await asyncio.gather(*(leg.close(_GOING) for leg in ringing))

    def wire_for(self, request: CallRequest) -> str:
        """Return what `request` goes over.

        Raises:
            NotAllowed: not to that number.
            BadCallRequest: not over that wire, or not as that caller.
        """
        if not is_allowed(request.to, self.settings.dial_allow):
            raise NotAllowed(f"field to: {request.to} may not be called; --dial-allow says who may")
        wire = request.wire or next(iter(self._trunks), "")
        if wire not in self._trunks:
            there = ", ".join(self._trunks) or "none; docs/outbound.md says what makes one"
            raise BadCallRequest(f"field wire: got {request.wire!r}; wires that can place calls: {there}")
        if wire == "sip" and request.caller:
            raise BadCallRequest("field from: SIP calls come from the trunk's address; a header may say otherwise")
        if wire != "sip" and (request.headers or "@" in request.to):
            field = "headers" if request.headers else "to"
            raise BadCallRequest(f"field {field}: {request.to} over {wire}; only sip can")
        if wire == "twilio" and not (request.caller or self.settings.dial_from):
            raise BadCallRequest("field from: Twilio calls come from a number of yours; or set --dial-from")
        return wire

    async def _converse(self, leg: OpeningLeg, wire: str) -> None:
        await self._carrier.carry(leg, wire=wire)

    async def _place(
        self, placed: PlacedCall, carry: Carry, begin: Callable[[], Awaitable[bool]] | None = None
    ) -> None:
        with ExitStack() as slot:
            await self._slots.acquire()
            slot.callback(self._slots.release)
            await self._turn()
            try:
                with self._carrier.lines.take():
                    if begin and not await begin():
                        placed.end(Outcome.FAILED, "it was taken back, or is not ours any more")
                        return
                    leg = self._trunks[placed.wire](placed.request, placed.call_id)
                    log.info("call %s to %s over %s", placed.call_id, placed.request.to, placed.wire)
                    outbound = OutboundLeg(
                        leg,
                        placed,
                        ring_s=self.settings.dial_timeout,
                        settled=slot.close,
                        follow=partial(self._follow, placed),
                    )
                    self._legs[placed.call_id] = outbound
                    placed.dialled = True
                    await carry(outbound, placed.wire)
            except (Busy, OSError) as error:
                placed.end(Outcome.FAILED, str(error))

    async def _follow(self, placed: PlacedCall, address: str) -> OpeningLeg:
        """Return the leg of `placed` to the address that it is redirected to, when it is its turn.

        Raises:
            NotAnswered: nobody may be called there, or the wire does not work.
        """
        try:
            to = redirected_to(address, host_of(self.settings.sip_trunk, port=False))
        except BadCallRequest as why:
            raise NotAnswered(Outcome.FAILED, str(why)) from why
        if not is_allowed(to, self.settings.dial_allow):
            raise NotAnswered(Outcome.FAILED, f"{to} may not be called; --dial-allow says who may")
        await self._turn()
        if placed.status is Status.ENDED:
            raise NotAnswered(Outcome.FAILED, placed.reason)  # hung up while it waited
        try:
            return self._trunks[placed.wire](replace(placed.request, to=to), placed.call_id)
        except OSError as error:
            raise NotAnswered(Outcome.FAILED, str(error)) from error

    async def _turn(self) -> None:
        """Wait until another call may begin, in the order of asking."""
        now_s = self._clock_s()
        begin_s = max(now_s, self._next_s)
        self._next_s = begin_s + 1 / self.settings.dial_per_second
        if begin_s > now_s:
            await self._pause(begin_s - now_s)

    def _over(self, ended: Callable[[PlacedCall], None], shared: bool, task: asyncio.Task[None]) -> None:
        placed = self._tasks.pop(task)
        if not task.cancelled() and (fault := task.exception()):
            log.error("a call out failed", exc_info=fault)
        placed.end(Outcome.FAILED, "internal error")
        if shared and not placed.dialled:  # another server may place it
            self._calls.pop(placed.call_id)
            ended(placed)
            return
        outcome = placed.outcome or Outcome.FAILED
        self._carrier.metrics.dialled.labels(placed.wire, outcome).inc()
        log.info("call %s: %s, %s", placed.call_id, outcome, placed.reason)
        self._calls.pop(placed.call_id)
        self._legs.pop(placed.call_id, None)
        self._ended[placed.call_id] = placed
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        ended(placed)
