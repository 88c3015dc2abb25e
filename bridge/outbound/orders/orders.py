"""What becomes of the calls that clients order. Those of one server alone are in its memory, and end with it."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from bridge.outbound.call_request import CallRequest
from bridge.outbound.dialler import REMEMBERED, Dialler
from bridge.outbound.leg import PlacedCall, Status

TAKEN_BACK = "an operator took the call back"


class KeyReused(ValueError):
    """The idempotency key was given with another order before."""


class CallOrders(Protocol):
    """Where the API leaves orders, and asks for them."""

    async def place(self, request: CallRequest, *, key: str = "") -> PlacedCall:
        """Have a call placed; return its state. `key`: the same one is the same order, "" is none.

        Raises:
            NotAllowed, BadCallRequest, Full, Closing, TooLoaded: as the dialler does.
            KeyReused: that key is another order's.
            DatabaseFailed: the order cannot be kept.
        """

    async def get(self, call_id: str) -> PlacedCall | None:
        """Return the state of a call that was ordered, None where nobody knows it.

        Raises:
            DatabaseFailed: it cannot be read.
        """

    async def newest(self, status: Status | None, *, most: int) -> Sequence[PlacedCall]:
        """Return those with that status, None for any, the newest first.

        Raises:
            DatabaseFailed: they cannot be read.
        """

    async def take_back(self, call_id: str, *, by: str) -> bool:
        """Give up a call that waits or rings, and end one that is on another server; return whether there is such.

        `by`: who wants it.

        Raises:
            DatabaseFailed: it cannot be told to who has it.
        """


class OwnOrders:
    """Those of one server, in its memory."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._by_key: OrderedDict[str, PlacedCall] = OrderedDict()

    async def place(self, request: CallRequest, *, key: str = "") -> PlacedCall:
        if key and (known := self._by_key.get(key)):
            if known.request != request:
                raise KeyReused(f"Idempotency-Key {key!r} was given with another order")
            return known
        placed = self._dialler.place(request)
        if key:
            self._by_key[key] = placed
            while len(self._by_key) > REMEMBERED:
                self._by_key.popitem(last=False)
        return placed

    async def get(self, call_id: str) -> PlacedCall | None:
        return self._dialler.get(call_id)

    async def newest(self, status: Status | None, *, most: int) -> Sequence[PlacedCall]:
        return [placed for placed in self._dialler.newest() if status in (None, placed.status)][:most]

    async def take_back(self, call_id: str, *, by: str) -> bool:
        placed = self._dialler.get(call_id)
        if not placed or placed.status not in {Status.QUEUED, Status.RINGING}:
            return False
        self._dialler.hang_up(call_id, TAKEN_BACK)
        return True
