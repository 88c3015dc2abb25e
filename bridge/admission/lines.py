"""The lines of a server: how many calls and clients there may be, which there are, and who carries one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from bridge.admission.load import Whose
from bridge.leg import OpeningLeg
from bridge.metrics import Metrics
from bridge.settings import Settings


class Busy(Exception):
    """There is no line for another call. The text says why."""

    def __init__(self, message: str, *, reason: str = "busy") -> None:
        """`reason`: in the metrics."""
        super().__init__(message)
        self.reason = reason


class CallInProgress(Protocol):
    """What a server that comes to its end tells a call."""

    def drain(self) -> None:
        """Tell the bot that the server takes no new calls."""

    def finish(self, reason: str) -> None:
        """End the call once the bot has said goodbye."""

    def stop(self, reason: str) -> None:
        """End the call now; its finals are still sent."""


class Lines:
    """The calls and clients in progress, and how many more there may be."""

    def __init__(
        self,
        limit: int,
        *,
        clients: int | None = None,
        per_address: int = 0,
        per_token: int = 0,
        overload: Callable[[Whose], str] = lambda whose: "",
    ) -> None:
        """`limit`: calls; `clients`: clients, None for as many; of them from one address and with one token, 0 for any.

        `overload` returns why there may be no more under the load that there is, "" where there may.
        """
        self._limits = {Whose.CALLS: limit, Whose.CLIENTS: limit if clients is None else clients}
        self._per_address, self._per_token, self._overload = per_address, per_token, overload
        self._taken = Counter[Whose]()
        self._addresses, self._tokens = Counter[str](), Counter[str]()
        self.draining = False  # no new calls
        self.ending = False  # and the server ends those that there are
        self.empty = asyncio.Event()
        self.empty.set()
        self.calls: set[CallInProgress] = set()

    @property
    def taken(self) -> int:
        """How many lines are in use, of calls and of clients."""
        return self._taken.total()

    def in_use(self, whose: Whose) -> int:
        """Return how many lines of one kind are in use."""
        return self._taken[whose]

    @property
    def free(self) -> bool:
        """True if another call may come."""
        return self.refusal(Whose.CALLS) is None

    @property
    def free_calls(self) -> int:
        """How many more calls may come now."""
        return self._limits[Whose.CALLS] - self._taken[Whose.CALLS] if self.free else 0

    @property
    def overload(self) -> str:
        """Why there may be no more calls under the load that there is, "" where there may."""
        return self._overload(Whose.CALLS)

    def refusal(self, whose: Whose, *, judged: bool = True) -> Busy | None:
        """Return why another call or client may not come, None where it may. `judged`: the load counts too."""
        if self.draining:
            return Busy("the server is shutting down")
        if self._taken[whose] >= self._limits[whose]:
            what = "" if whose is Whose.CALLS else " for clients"
            return Busy(f"all {self._limits[whose]} lines{what} are busy")
        if judged and (why := self._overload(whose)):
            return Busy(why, reason="load")
        return None

    @contextmanager
    def take(self, *, judged: bool = True) -> Iterator[None]:
        """Hold a line of calls; to be entered before the first await of a call.

        `judged`: whether the load may refuse it; not where it was asked before the caller was told to come.

        Raises:
            Busy: all are taken, there is too much load, or the server is going down.
        """
        with self._line(Whose.CALLS, judged=judged):
            yield

    @contextmanager
    def take_client(self, *, address: str, token: str = "") -> Iterator[None]:
        """Hold a line of clients. `address`: what counts as one; `token`: names what it showed, "" for nothing.

        Raises:
            Busy: as above, or that address or token has too many.
        """
        if self._per_address and self._addresses[address] >= self._per_address:
            raise Busy(f"there are {self._per_address} clients from {address} already", reason="address")
        if self._per_token and token and self._tokens[token] >= self._per_token:
            raise Busy(f"there are {self._per_token} clients with this token already", reason="token")
        with self._line(Whose.CLIENTS), _counted(self._addresses, address), _counted(self._tokens, token):
            yield

    @contextmanager
    def _line(self, whose: Whose, *, judged: bool = True) -> Iterator[None]:
        if busy := self.refusal(whose, judged=judged):
            raise busy
        self._taken[whose] += 1
        self.empty.clear()
        try:
            yield
        finally:
            self._taken[whose] -= 1
            if not self.taken:
                self.empty.set()


@contextmanager
def _counted(counter: Counter[str], key: str) -> Iterator[None]:
    counter[key] += 1
    try:
        yield
    finally:
        counter[key] -= 1
        if not counter[key]:
            del counter[key]


class Carrier(Protocol):
    """What a wire needs of the switchboard."""

    settings: Settings
    lines: Lines
    metrics: Metrics

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        """Carry one call from its start to its end. Whatever goes wrong in it ends this call and no other.

        `peer`: the address it came from, "" where nobody knows.
        """
