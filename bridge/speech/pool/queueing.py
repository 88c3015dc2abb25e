"""Which of the decodes that wait goes next: by whose it is and what it is for. Pure."""

import itertools
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from bridge.speech.api import EngineFailed, Request, Standing
from bridge.speech.pool.member import Member

PASSED_OVER: Final = 7
"""So many decodes in a row may go before those of a lower standing: of what there is, they get an eighth at least."""
_SESSIONS: Final = 1024
"""Sessions whose shares are remembered. One that was forgotten begins anew."""

Failed = Mapping[Member, EngineFailed]
"""Engines that tried this decode, and why each failed."""


class Purpose(IntEnum):
    """What a decode is for: a lower one goes first."""

    FINAL = 0
    FIRST_WORDS = 1  # the speaker has seen nothing of the utterance yet
    REFRESH = 2


@dataclass(eq=False, slots=True)
class Ticket:
    """A decode that waits."""

    request: Request
    failed: Failed
    session: str = ""
    number: int = 0

    @property
    def rank(self) -> tuple[Standing, Purpose]:
        request = self.request
        if request.final:
            return request.standing, Purpose.FINAL
        return request.standing, Purpose.FIRST_WORDS if request.first else Purpose.REFRESH


class FairQueue:
    """Decodes that wait.

    Calls go before live clients, these before clients that send faster than speech; in each, finals before first words
    before refreshes. Finals of calls go in the order they came; among other equals the session goes that has used the
    engines least, and who comes anew begins where the others are, so that nobody saves up. After `PASSED_OVER` decodes
    that went before lower standings, the final of theirs that has waited longest goes.
    """

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._used_s: OrderedDict[str, float] = OrderedDict()  # by session; who asked last is at the end
        self._level_s: dict[Standing, float] = {}  # what the session served last had used before
        self._numbers = itertools.count()
        self._passed = 0  # decodes in a row that went before a lower standing

    def __len__(self) -> int:
        return len(self._tickets)

    def add(self, request: Request, failed: Failed) -> Ticket:
        """Let `request` wait; return its place, for `remove`."""
        number = next(self._numbers)
        ticket = Ticket(request, failed, request.session or f"alone-{number}", number)
        level_s = self._level_s.get(request.standing, 0.0)
        self._used_s[ticket.session] = max(level_s, self._used_s.get(ticket.session, 0.0))
        self._used_s.move_to_end(ticket.session)
        while len(self._used_s) > max(_SESSIONS, len(self._tickets) + 1):
            self._used_s.popitem(last=False)
        self._tickets.append(ticket)
        return ticket

    def remove(self, ticket: Ticket) -> None:
        """Let it wait no more; does nothing where it does not."""
        if ticket in self._tickets:
            self._tickets.remove(ticket)

    def in_order(self) -> list[Ticket]:
        """Return those that wait, the next first."""
        ordered = sorted(self._tickets, key=lambda ticket: (ticket.rank, self._turn(ticket), ticket.number))
        if not self.share_is_due or not ordered:
            return ordered
        lower = [ticket for ticket in ordered if ticket.request.standing > ordered[0].request.standing]
        oldest = min(lower, key=lambda ticket: (not ticket.request.final, ticket.number), default=ordered[0])
        return [oldest, *(ticket for ticket in ordered if ticket is not oldest)]

    @property
    def share_is_due(self) -> bool:
        """Whether it is the turn of who has been passed over: then they are the next of `in_order`."""
        return self._passed >= PASSED_OVER

    def has(self, standing: Standing) -> bool:
        """Return whether one of `standing` waits."""
        return any(ticket.request.standing is standing for ticket in self._tickets)

    def ahead_of(self, ticket: Ticket) -> int:
        """Return how many would go before it by their rank."""
        return sum(other.rank < ticket.rank for other in self._tickets)

    def granted(self, ticket: Ticket) -> None:
        """Take it out, because an engine takes it."""
        self.remove(ticket)
        standing = ticket.request.standing
        if any(other.request.standing < standing for other in self._tickets):
            self._passed = 0
        elif any(other.request.standing > standing for other in self._tickets):
            self._passed += 1
        else:
            self._passed = 0
        self._level_s[standing] = max(self._level_s.get(standing, 0.0), self._used(ticket))

    def spent(self, session: str, seconds: float) -> None:
        """Count what a decode of `session` took of an engine."""
        if session in self._used_s:
            self._used_s[session] += seconds

    def _turn(self, ticket: Ticket) -> float:
        """Return what orders equals, before their number.

        A call has one decode at a time and asks no faster than its caller speaks, so that order of arrival is fair to
        calls; by what they have used, one that spoke more would wait for seconds, time and again.
        """
        return 0.0 if ticket.rank == (Standing.CALL, Purpose.FINAL) else self._used(ticket)

    def _used(self, ticket: Ticket) -> float:
        return self._used_s.get(ticket.session, 0.0)
