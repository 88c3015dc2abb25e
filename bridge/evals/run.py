"""A run: all calls of all scenarios, so many at a time, and what became of each."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import aiohttp

from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.pbx_lines import path_of
from bridge.evals import judging
from bridge.evals.caller.caller import NextLine, Sounds
from bridge.evals.caller.preparing import prepare
from bridge.evals.caller.voices import CallerVoices
from bridge.evals.calls import COSTS_ONE_CALL, CallMaker, Lateness, MadeCall, PlannedCall, spread
from bridge.evals.ears import Ears
from bridge.evals.judging import Judgement, Opinion, Question
from bridge.evals.model import Model, ModelCaller, ModelPlace
from bridge.evals.prerequisites import CannotJudge, check_model, check_options, check_record, check_wire
from bridge.evals.scenario import Check, ModelChat, Scenario
from bridge.evals.server_under_test import CalledBridge, options_of, running_at, started
from bridge.settings import load

USUAL_LATE_MS: Final = 5.0
"""p99 of the delay of our own frames with which a call still counts."""
_WORST: Final = 20
"""A single frame may be so many times later than 99 of 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says of a run."""

    given: Mapping[str, object] = field(default_factory=dict)
    """Options of the bridge, as flags give them."""
    wire: str = "twilio"
    url: str = ""
    """Of a bridge that runs; "" starts one."""
    token: str = ""
    tls: ssl.SSLContext | bool = True
    parallel: int = 1
    times: int | None = None
    """Instead of what the scenarios say; so `faults`."""
    faults: tuple[Fault, ...] | None = None
    voice: str = ""
    model: ModelPlace | None = None
    allow_late_ms: float = USUAL_LATE_MS
    out: Path | None = None
    """The folder of the report. What the bridges under test say is kept there, too."""

    @property
    def log(self) -> Path | None:
        """Where what the bridges say is kept."""
        return self.out / "bridge.log" if self.out else None

    @property
    def config(self) -> str:
        """The file of options of the bridge."""
        return str(self.given.get("config") or "")


class CallStatus(StrEnum):
    """What became of a call."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """One call, judged."""

    made: MadeCall
    verdicts: Sequence[Judgement]
    lateness: Lateness
    void: bool

    @property
    def status(self) -> CallStatus:
        """What became of it. A late caller's call says nothing, whatever was heard in it."""
        if self.void:
            return CallStatus.VOID
        if self.made.error or self.made.facts is None:
            return CallStatus.ERROR
        return CallStatus.FAILED if any(verdict.fails for verdict in self.verdicts) else CallStatus.PASSED


Progress = Callable[[int, int, MadeCall], None]
"""Told of each call that is over: how many are, of how many, and which."""


async def run(scenarios: Sequence[Scenario], options: RunOptions, progress: Progress) -> list[CallResult]:
    """Make and judge all calls, in the order of the scenarios.

    Raises:
        CannotJudge: something is asked for that this run has no means for.
        ServerFailed, SettingsError: the bridge under test does not start, or is not there.
        PluginError, ModelMissing: a caller's voice or the recogniser does not load. ValueError: it makes no sound.
    """
    scenarios = [with_options(scenario, options) for scenario in scenarios]
    if not options.model:
        check_model(scenarios)
    check_options(scenarios, options.given)
    check_wire(scenarios, options.wire)
    jobs = jobs_of(scenarios)
    if options.out:
        await asyncio.to_thread(options.out.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        voices = CallerVoices(options.voice)
        stack.callback(voices.close)
        ears = Ears(load(options.given))
        stack.callback(ears.close)
        sounds = {scenario.path: await prepare(scenario, voices) for scenario in scenarios}
        model = Model(options.model, session) if options.model else None

        def told(done: int, made: MadeCall) -> None:
            progress(done, len(jobs), made)

        calls = _Calls(options, session, ears, model=model, sounds=sounds, progress=told)
        made = await calls.make(jobs)
        return [await _judged(call, options, ears, model) for call in made]


def with_options(scenario: Scenario, options: RunOptions) -> Scenario:
    """Return `scenario` with what the command line says instead."""
    times = scenario.times if options.times is None else options.times
    return replace(scenario, times=times, faults=options.faults or scenario.faults)


def jobs_of(scenarios: Sequence[Scenario]) -> list[PlannedCall]:
    """Return the calls of `scenarios`: over each line, so many times."""
    return [
        PlannedCall(scenario=scenario, fault=fault, attempt=attempt)
        for scenario in scenarios
        for fault in scenario.faults
        for attempt in range(1, scenario.times + 1)
    ]


class _Calls:
    """Makes the calls of a run: so many at a time, scenarios of the same options to the same bridge."""

    def __init__(
        self,
        options: RunOptions,
        session: aiohttp.ClientSession,
        ears: Ears,
        *,
        model: Model | None,
        sounds: Mapping[Path, Sounds],
        progress: Callable[[int, MadeCall], None],
    ) -> None:
        self._options, self._session, self._ears, self._model = options, session, ears, model
        self._sounds, self._progress = sounds, progress
        self._room = asyncio.Semaphore(options.parallel)
        self._done = 0

    async def make(self, jobs: Sequence[PlannedCall]) -> list[MadeCall]:
        """Make them; return them in their order."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for number, job in enumerate(jobs):
            own = number if job.scenario.own_server and not self._options.url else -1
            key = (own, *sorted(job.scenario.settings.items()))
            groups.setdefault(key if not self._options.url else (), []).append(number)
        made: dict[int, MadeCall] = {}
        waiting = list(groups.values())
        while waiting:
            batch, waiting = waiting[: self._options.parallel], waiting[self._options.parallel :]
            made |= await self._batch(jobs, batch)
        return [made[number] for number in range(len(jobs))]

    async def _batch(self, jobs: Sequence[PlannedCall], batch: Sequence[Sequence[int]]) -> dict[int, MadeCall]:
        """Make the calls of some bridges, all started before the first call: to load makes others late."""
        async with AsyncExitStack() as stack:
            first = [jobs[numbers[0]].scenario for numbers in batch]
            targets = await asyncio.gather(
                *(stack.enter_async_context(self._target(scenario)) for scenario in first), return_exceptions=True
            )
            makers = []
            for numbers, target in zip(batch, targets, strict=True):
                if isinstance(target, BaseException):
                    raise target
                check_record([jobs[number].scenario for number in numbers], target)
                makers.append(self._maker(target))
            async with asyncio.TaskGroup() as tasks:
                calls = {
                    number: tasks.create_task(self._one(maker, number, jobs[number]))
                    for maker, numbers in zip(makers, batch, strict=True)
                    for number in numbers
                }
            return {number: call.result() for number, call in calls.items()}

    async def _one(self, maker: CallMaker, number: int, job: PlannedCall) -> MadeCall:
        async with self._room:
            await spread(number)
            made = await maker.make(job, self._sounds[job.scenario.path])
        self._done += 1
        self._progress(self._done, made)
        return made

    def _maker(self, target: CalledBridge) -> CallMaker:
        return CallMaker(target, self._session, self._ears, wire=self._options.wire, new_line=self._new_line)

    def _new_line(self) -> NextLine:
        return ModelCaller(self._model) if self._model else _nobody

    @asynccontextmanager
    async def _target(self, scenario: Scenario) -> AsyncIterator[CalledBridge]:
        if self._options.url:
            yield await running_at(self._options.url, token=self._options.token, tls=self._options.tls)
            return
        wanted = options_of(self._options.given, scenario.settings)
        one = started(wanted, config=self._options.config, path=path_of(self._options.wire), log=self._options.log)
        async with one as target:
            yield target


async def _nobody(chat: ModelChat, heard: str, /) -> str | None:
    raise CannotJudge("chat needs a language model")


async def _judged(call: MadeCall, options: RunOptions, ears: Ears, model: Model | None) -> CallResult:
    if call.facts is None:
        return CallResult(made=call, verdicts=(), lateness=Lateness(p99_ms=0.0, worst_ms=0.0), void=False)
    facts, opinions = call.facts, dict[tuple[Question, str], Opinion]()
    try:
        facts = await ears.complete(facts)
        for question in judging.questions(call.job.scenario):
            if question[1].check is Check.MEANS and model:
                for rubric in question[1].texts:
                    told = judging.conversation(facts, question[0])
                    opinions[question, rubric] = await model.judge(rubric, told)
    except COSTS_ONE_CALL as failure:
        call = replace(call, error=call.error or str(failure))
    call = replace(call, facts=facts)
    late = Lateness.of(facts.record)
    found = judging.verdicts(call.job.scenario, facts, opinions)
    return CallResult(made=call, verdicts=found, lateness=late, void=too_late(late, options.allow_late_ms))


def too_late(late: Lateness, allowed_ms: float) -> bool:
    """Return whether a caller was so late that the call proves nothing: often, or once by a whole stall of ours."""
    return late.p99_ms > allowed_ms or late.worst_ms > _WORST * allowed_ms
