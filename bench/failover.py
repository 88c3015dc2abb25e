"""What a caller notices when an engine is killed while it works, and how long until there are two again."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from figures import Results, Row, spread
from pools import options, pool
from spoken_load import Listen, Outcome, Spoken, crowd, listener
from vllm_servers import servers

from bridge.settings import Settings
from bridge.speech.api import Hypothesis, Request, SpeechError
from bridge.speech.pool import Pool

BEFORE_S = 4.0
"""Seconds of load before the kill."""


@dataclass(slots=True)
class Watch:
    """What the pool tells of its engines from the kill on. An `Observer` of it."""

    killed: float = 0.0
    retries: int = 0
    last_answer_s: float = 0.0
    """From the kill to the answer of the last decode that had failed on the engine killed."""
    down_s: float | None = None
    back_s: float | None = None
    _failed: dict[int, Request] = field(default_factory=dict)
    _back: asyncio.Event = field(default_factory=asyncio.Event)

    def began(self, engine: str) -> None:
        """Nothing to note."""

    def left(self, engine: str) -> None:
        """Nothing to note."""

    def ended(self, engine: str, request: Request, outcome: Hypothesis | BaseException, *, took_s: float) -> None:
        if not self.killed:
            return
        if isinstance(outcome, SpeechError):
            self._failed[id(request)] = request  # kept, so that its id stays its own
        elif isinstance(outcome, Hypothesis) and id(request) in self._failed:
            del self._failed[id(request)]
            self.last_answer_s = perf_counter() - self.killed

    def retried(self, engine: str) -> None:
        self.retries += bool(self.killed)

    def up(self, engine: str, up: bool) -> None:
        if not self.killed:
            return
        now_s = perf_counter() - self.killed
        if not up:
            self.down_s = self.down_s or now_s
        elif self.down_s is not None:
            self.back_s = now_s
            self._back.set()

    async def until_back(self, *, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._back.wait()


async def two_servers(settings: Settings, said: Sequence[Spoken], *, sessions: int, seconds: float) -> Results:
    """Two servers share the load; one is killed and comes back."""
    async with servers(settings, 2) as (first, second):
        urls = (first.url, second.url)
        async with pool(settings.model_copy(update={"asr": ("openai",), "asr_url": urls})) as asr:
            await crowd(listener(asr, options(settings)), said, sessions=2, seconds=1)  # both are warm
            row = await _killed_under_load(asr, settings, said, first.kill, sessions=sessions, seconds=seconds)
    return {f"kill -9 one of two servers, {sessions} sessions": row}


async def the_only_engine(settings: Settings, said: Sequence[Spoken], *, sessions: int, seconds: float) -> Results:
    """The engine in process is the only one: finals wait for its successor."""
    async with pool(settings) as asr:
        await crowd(listener(asr, options(settings)), said, sessions=2, seconds=1)
        row = await _killed_under_load(asr, settings, said, _kill_children, sessions=sessions, seconds=seconds)
    return {f"kill -9 the only engine, in process, {sessions} sessions": row}


async def _killed_under_load(
    asr: Pool, settings: Settings, said: Sequence[Spoken], kill: Callable[[], None], *, sessions: int, seconds: float
) -> Row:
    watch, lost = Watch(), list[str]()
    asr.observe(watch)
    async with asyncio.TaskGroup() as tasks:
        load = tasks.create_task(
            crowd(_surviving(listener(asr, options(settings)), lost), said, sessions=sessions, seconds=seconds)
        )
        await asyncio.sleep(BEFORE_S)
        kill()
        watch.killed = perf_counter()
    outcomes = load.result()
    await watch.until_back(timeout_s=300)
    waits = spread([outcome.final_wait_ms for outcome in outcomes], "final wait ms ")
    return {
        "finals": len(outcomes),
        "finals lost": len(lost),
        "retries": watch.retries,
        "noticed after s": _seconds(watch.down_s),
        "last delayed answer after s": _seconds(watch.last_answer_s),
        "full strength after s": _seconds(watch.back_s),
        **waits,
        "final wait ms max": round(max((outcome.final_wait_ms for outcome in outcomes), default=0)),
        "why lost": "; ".join(sorted(set(lost)))[:200],
    }


def _surviving(listen: Listen, lost: list[str]) -> Listen:
    async def survive(said: Spoken) -> Outcome:
        try:
            return await listen(said)
        except SpeechError as error:
            lost.append(str(error))
            return Outcome(said)

    return survive


def _kill_children() -> None:
    """Kill every process this one has started, and theirs."""
    for pid in _descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _seconds(value: float | None) -> float | str:
    return "never" if value is None else round(value, 2)
