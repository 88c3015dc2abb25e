"""The lines of a server: how many calls there may be, which there are, and who carries one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from bridge.call.session import CallSession
from bridge.leg import OpeningLeg
from bridge.metrics import Metrics
from bridge.settings import Settings


class Busy(Exception):
    """There is no line for another call. The text says why."""


class Lines:
    """The calls in progress, and how many more there may be."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self.draining = False
        self.empty = asyncio.Event()
        self.empty.set()
        self.calls: set[CallSession] = set()

    @property
    def taken(self) -> int:
        """How many lines are in use."""
        return self._taken

    @property
    def free(self) -> bool:
        """True if another call may come."""
        return not self.draining and self._taken < self._limit

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a line; to be entered before the first await of a call.

        Raises:
            Busy: all are taken, or the server is going down.
        """
        if not self.free:
            raise Busy("the server is shutting down" if self.draining else f"all {self._limit} lines are busy")
        self._taken += 1
        self.empty.clear()
        try:
            yield
        finally:
            self._taken -= 1
            if not self._taken:
                self.empty.set()


class Carrier(Protocol):
    """What a wire needs of the switchboard."""

    settings: Settings
    lines: Lines
    metrics: Metrics

    async def carry(self, leg: OpeningLeg, *, wire: str, peer: str = "") -> None:
        """Carry one call from its start to its end. Whatever goes wrong in it ends this call and no other.

        `peer`: the address it came from, "" where nobody knows.
        """
