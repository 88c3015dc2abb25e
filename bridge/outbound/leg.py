"""The leg of a call that we place: it rings before it is answered, and its PlacedCall tells what becomes of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bridge.leg import HangupCause, LegLost, OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.outbound.call_request import CallRequest
from telephony.errors import RemoteProtocolError
from telephony.events import CallStarted
from telephony.outcome import NotAnswered, Outcome, Redirected

log = logging.getLogger(__name__)

_MORE_S: Final = 5.0
"""What the wire may take longer than the ringing, so that the ringing's own limit comes first."""
_MOST_REDIRECTIONS: Final = 5


class Status(StrEnum):
    """Where a call is."""

    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(slots=True)
class PlacedCall:
    """A call that was asked for, and what has become of it so far."""

    call_id: str
    request: CallRequest
    wire: str
    status: Status = Status.QUEUED
    outcome: Outcome | None = None
    """Set once it has ended."""
    reason: str = ""
    answered_by: str = ""
    """human, machine or unknown, where it is asked."""
    dialled: bool = False
    """It was given to its wire."""

    def end(self, outcome: Outcome, reason: str) -> None:
        """Note that it is over; only the first such note counts."""
        if self.status is not Status.ENDED:
            self.status, self.outcome, self.reason = Status.ENDED, outcome, reason


class OutboundLeg(WrappedLeg):
    """`leg`, whose start rings it and waits for an answer."""

    def __init__(
        self,
        leg: OpeningLeg,
        placed: PlacedCall,
        *,
        ring_s: float,
        settled: Callable[[], None],
        follow: Callable[[str], Awaitable[OpeningLeg]],
    ) -> None:
        """`ring_s`: how long it may ring in all. `settled` is called when it rings no more.

        `follow` returns the leg to an address that the call is redirected to, when it is that one's turn; it raises
        NotAnswered where it must not go there.
        """
        super().__init__(leg)
        self._placed, self._ring_s, self._settled, self._follow = placed, ring_s, settled, follow
        self._seen: set[str] = set()  # where the call was redirected to

    async def start(self, timeout_s: float) -> CallStarted:
        """Ring until it is answered. `timeout_s` does not count here: `ring_s` does.

        Raises:
            NotAnswered: it is not, and why.
        """
        self._placed.status = Status.RINGING
        try:
            started = await self._ring()
        except NotAnswered as why:
            self._placed.end(why.outcome, str(why))
            raise
        finally:
            self._settled()
        self._placed.status = Status.ANSWERED
        request, call_id = self._placed.request, self._placed.call_id
        log.info("call %s was answered; to the wire it is %s", call_id, started.call_id)
        return replace(
            started,
            call_id=call_id,
            caller=request.caller or started.caller,
            callee=request.to,
            direction="outbound",
            parameters={**started.parameters, **request.parameters},
        )

    async def _ring(self) -> CallStarted:
        try:
            async with asyncio.timeout(self._ring_s):
                while True:
                    try:
                        return await super().start(self._ring_s + _MORE_S)
                    except Redirected as elsewhere:
                        await self._go(elsewhere)
        except TimeoutError:
            raise NotAnswered(Outcome.NO_ANSWER, f"no answer within {self._ring_s:g} s") from None
        except (RemoteProtocolError, LegLost) as error:
            raise NotAnswered(Outcome.FAILED, str(error)) from error

    async def _go(self, elsewhere: Redirected) -> None:
        """Take the leg to where the call is redirected to.

        Raises:
            NotAnswered: it goes round in a circle, or must not go there.
        """
        if elsewhere.target in self._seen or len(self._seen) >= _MOST_REDIRECTIONS:
            raise NotAnswered(Outcome.FAILED, f"{elsewhere}, which goes on without end") from elsewhere
        self._seen.add(elsewhere.target)
        try:
            leg = await self._follow(elsewhere.target)
        except NotAnswered as why:
            raise NotAnswered(why.outcome, f"{elsewhere}: {why}") from elsewhere
        log.info("call %s: %s", self._placed.call_id, elsewhere)
        await self._leg.__aexit__(None, None, None)
        self._leg = leg
        await self._leg.__aenter__()

    def answered(self, by: str) -> None:
        """Note who answered."""
        self._placed.answered_by = by

    async def close(self, reason: str, *, cause: HangupCause = HangupCause.NORMAL) -> None:
        """Hang up, or ring no more."""
        well = self._placed.status is Status.ANSWERED and cause is not HangupCause.INTERNAL_ERROR
        self._placed.end(Outcome.COMPLETED if well else Outcome.FAILED, reason)
        await super().close(reason, cause=cause)
