"""One call of a scenario, from its first frame to its facts."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp
import numpy as np

from bridge.commands.phone.call_record import CallRecord
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.simulated_phone import dial
from bridge.evals.caller.caller import DoneAct, NextLine, SimulatedCaller, Sounds, StepFailed
from bridge.evals.ears import Ears
from bridge.evals.facts import CallFacts, RecordedFacts, begun, bot_spans, from_entries
from bridge.evals.model import ModelFailed
from bridge.evals.scenario import Scenario
from bridge.evals.server_under_test import CalledBridge, ServerFailed
from bridge.plugins import PluginError
from bridge.speech.api import SpeechError

COSTS_ONE_CALL: Final = (
    *(aiohttp.ClientError, OSError, ServerFailed),  # the bridge; TimeoutError is an OSError
    *(ModelFailed, PluginError, SpeechError, ValueError),  # a caller who is a model: it, the ears, its voice
)
"""What may go wrong with one call while others go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One call that is to be made."""

    scenario: Scenario
    fault: Fault
    attempt: int
    """From 1 on: the same scenario over the same line, again."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        over = "" if self.fault is Fault.NONE else f" over {self.fault.value}"
        again = f", call {self.attempt}" if self.scenario.times > 1 else ""
        return f"{self.scenario.name}{over}{again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """A call that is over, or that could not be made."""

    job: PlannedCall
    call_id: str
    facts: CallFacts | None
    error: str = ""
    """Why there are no facts, or not all: the server, a model, or the network failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late a caller's own frames left, in milliseconds: with much of it, a call proves nothing."""

    p99_ms: float
    worst_ms: float

    @classmethod
    def of(cls, record: CallRecord) -> "Lateness":
        """Return it for a call; zero where no frame left."""
        late = record.late_ms or [0.0]
        return cls(p99_ms=float(np.percentile(late, 99)), worst_ms=max(late))


@dataclass(slots=True)
class _UnderWay:
    """What is known of a call while it lasts."""

    call_id: str
    """As we call it, and then as the server does."""
    record: CallRecord | None = None
    acts: Sequence[DoneAct] = ()
    failed_step: tuple[int, str] | None = None
    bot_ended: bool = False


class CallMaker:
    """Makes the calls of a run to one bridge."""

    def __init__(
        self,
        target: CalledBridge,
        session: aiohttp.ClientSession,
        ears: Ears,
        *,
        wire: str,
        new_line: Callable[[], NextLine],
    ) -> None:
        """`ears` hear for callers who are models; `new_line` makes one of those."""
        self._target, self._session, self._ears, self._wire, self._new_line = target, session, ears, wire, new_line

    async def make(self, job: PlannedCall, sounds: Sounds) -> MadeCall:
        """Make one call, and return it with all that is known of it. Whatever fails costs this call alone."""
        so_far = _UnderWay(call_id=f"CA{uuid.uuid4().hex}")
        error = ""
        try:
            await self._play(job, sounds, so_far)
        except COSTS_ONE_CALL as failure:
            error = f"{type(failure).__name__}: {failure}"
        if so_far.record is None:
            return MadeCall(job=job, call_id=so_far.call_id, facts=None, error=error)
        try:
            recorded = await self._recorded(so_far.call_id)
        except ServerFailed as failure:
            error, recorded = error or str(failure), None
        return MadeCall(job=job, call_id=so_far.call_id, facts=_facts(so_far, recorded), error=error)

    async def _play(self, job: PlannedCall, sounds: Sounds, so_far: _UnderWay) -> None:
        parameters = dict(job.scenario.parameters)
        async with dial(
            self._target.url,
            call_sid=so_far.call_id,
            parameters=parameters,
            headers=self._target.headers,
            fault=job.fault,
            tls=self._target.tls,
            wire=self._wire,
        ) as phone:
            so_far.record, so_far.call_id = phone.record, phone.call_id

            async def bot_text(since_ms: float) -> str:
                return " ".join(one.text for one in await self._ears.hear(phone.record, since_ms=since_ms))

            caller = SimulatedCaller(phone, sounds, bot_text=bot_text, next_line=self._new_line())
            so_far.acts = caller.done
            try:
                await caller.play(job.scenario)
            except StepFailed as failure:
                so_far.failed_step = (failure.step.number, str(failure))
            so_far.bot_ended = phone.closed.is_set()

    async def _recorded(self, call_id: str) -> RecordedFacts | None:
        if not self._target.kept:
            return None
        entries = await self._target.entries(self._session, call_id)
        try:
            return from_entries(entries)
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # of somebody else's server
            raise ServerFailed(f"the record of the call cannot be read: {error!r}") from None


def _facts(so_far: _UnderWay, recorded: RecordedFacts | None) -> CallFacts:
    assert so_far.record
    if recorded is None:
        by = "bot" if so_far.bot_ended else "caller"
        return CallFacts(acts=so_far.acts, record=so_far.record, ended_by=by, failed_step=so_far.failed_step)
    return CallFacts(
        acts=so_far.acts,
        record=so_far.record,
        said=begun(recorded.said, bot_spans(so_far.record)),
        understood=recorded.understood,
        tools=recorded.tools,
        actions=recorded.actions,
        faults=recorded.faults,
        ended_by=recorded.ended_by,
        reason=recorded.reason,
        kept=True,
        failed_step=so_far.failed_step,
    )


async def spread(number: int) -> None:
    """Let a call begin a little later than others, so that not all frames leave in the same millisecond."""
    await asyncio.sleep(0.02 * (number % 7) / 7)
