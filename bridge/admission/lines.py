"""The lines of a server: how many calls and clients there may be, which there are, and who carries one."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from bridge.admission.load import Whose
from bridge.admission.quotas import OwnQuotas, Quotas
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
        quotas: Quotas | None = None,
    ) -> None:
        """`limit`: calls; `clients`: clients, None for as many; of them from one address and with one token, 0 for any.

        `overload` returns why there may be no more under the load that there is, "" where there may. `quotas`: where
        lines are counted; other servers may count theirs there too.
        """
        self._quotas = quotas or OwnQuotas()
        self._limits = {Whose.CALLS: limit, Whose.CLIENTS: limit if clients is None else clients}
        self._per_address, self._per_token, self._overload = per_address, per_token, overload
        self._taken = Counter[Whose]()
        self.changed: Callable[[], None] = lambda: None
        """Called after each line that is taken or given back."""
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
        if self._quotas.full(whose, self._limits[whose]):
            return self._all_busy(whose)
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
        with ExitStack() as held:
            self._hold(held, f"address {address}", self._per_address, reason="address", of=f"from {address}")
            self._hold(held, f"token {token}", self._per_token if token else 0, reason="token", of="with this token")
            held.enter_context(self._line(Whose.CLIENTS))
            yield

    def _hold(self, held: ExitStack, name: str, limit: int, *, reason: str, of: str) -> None:
        """Count a client that is one of at most `limit`, 0 for any, until `held` is left."""
        if not limit:
            return
        give_back = self._quotas.take(name, limit)
        if give_back is None:
            raise Busy(f"there are {limit} clients {of} already", reason=reason)
        held.callback(give_back)

    @contextmanager
    def _line(self, whose: Whose, *, judged: bool = True) -> Iterator[None]:
        if busy := self.refusal(whose, judged=judged):
            raise busy
        give_back = self._quotas.take(whose, self._limits[whose])
        if give_back is None:  # another process was faster
            raise self._all_busy(whose)
        self._taken[whose] += 1
        self.empty.clear()
        self.changed()
        try:
            yield
        finally:
            give_back()
            self._taken[whose] -= 1
            if not self.taken:
                self.empty.set()
            self.changed()

    def _all_busy(self, whose: Whose) -> Busy:
        what = "" if whose is Whose.CALLS else " for clients"
        return Busy(f"all {self._limits[whose]} lines{what} are busy")


class Carrier(Protocol):
    """What a wire needs of the switchboard."""

    settings: Settings
    lines: Lines
    metrics: Metrics

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        """Carry one call from its start to its end. Whatever goes wrong in it ends this call and no other.

        `peer`: the address it came from, "" where nobody knows.
        """
