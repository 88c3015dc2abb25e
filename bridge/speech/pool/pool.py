"""The recogniser that calls use: several engines as one, which checks, chooses, tries again and survives lost engines.

A decode is stateless, so any engine may serve any of them, and what one failed at is simply asked of another.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from bridge.containment import contained
from bridge.speech.api import (
    Asr,
    DeadlineExceeded,
    EngineFailed,
    EngineLost,
    Hypothesis,
    Overloaded,
    ReplicaLost,
    Request,
    SpeechError,
    Standing,
)
from bridge.speech.pool.member import Member
from bridge.speech.pool.observer import Nobody, Observer
from bridge.speech.pool.queueing import Failed
from bridge.speech.pool.roster import Roster
from bridge.speech.pool.slots import Slots
from bridge.timeouts import timeout, wait_at_most

log = logging.getLogger(__name__)

_RETRIES: Final = {True: 2, False: 1}
"""Further tries of a decode that failed, by whether it is a final. The next partial makes up for a lost one."""

_SLOW_S: Final = 1.0
"""Without an answer for so long, an engine that has others beside it is suspected of hanging."""


class Pool:
    """A `Recogniser` made of engines: the least loaded healthy one takes the next decode."""

    def __init__(
        self,
        engines: Sequence[Asr],
        *,
        timeout_s: float,
        clock_s: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`timeout_s`: what takes longer, or half of what its caller allows, is asked of another engine; where there is
        none, it may take all of that.

        `pause` waits so many seconds between two looks at the health of an engine that is down.
        """
        self._roster = Roster(engines, clock_s)
        self._slots = Slots(self._roster, clock_s)
        self.name, self.capabilities = self._roster.name, self._roster.capabilities
        self.device = ", ".join(filter(None, (str(getattr(engine, "device", "")) for engine in engines)))
        self._timeout_s, self._clock_s, self._pause = timeout_s, clock_s, pause
        self._observer: Observer = Nobody()
        self._back = asyncio.Event()  # set and cleared at once: wakes those who wait
        self._watches: set[asyncio.Task[None]] = set()
        self._closed = False

    def observe(self, observer: Observer) -> None:
        """Report the work of the engines to `observer` from now on."""
        self._observer = observer
        for member in self._roster.members:
            observer.up(member.name, member.up)

    def check_language(self, language: str | None) -> None:
        """Accept `language` (English name or code in any case, None for any).

        Raises:
            UnsupportedLanguage: no engine knows it; the text names those known.
        """
        self._roster.check_language(language)

    async def healthy(self) -> bool:
        """Return whether an engine is up."""
        return any(member.up for member in self._roster.members)

    async def recovered(self) -> None:
        """Return when a decode may succeed: at once while an engine is up and has not asked to be left alone."""
        members = self._roster.members
        while not any(member.up and not member.breaker.resting_s for member in members):
            rest_s = min((member.breaker.resting_s for member in members if member.up), default=None)
            await wait_at_most(self._back, rest_s)  # a rest may be over first

    async def decode(self, request: Request, /) -> Hypothesis:
        """Return what is said in `request.audio`, from whichever engine has an answer within `request.timeout_s`.

        Raises:
            BadRequest: the audio or the language is none that any engine takes.
            Overloaded: all are busy; a partial is refused already where it would delay finals, or would wait for long.
            EngineFailed, EngineLost, DeadlineExceeded: no engine is up, or the last one tried had no answer.
        """
        request = self._roster.checked(request)
        until_s = self._clock_s() + request.timeout_s
        failed: dict[Member, EngineFailed] = {}
        last: tuple[Member, EngineFailed] | None = None
        for _ in range(1 + _RETRIES[request.final]):
            asked_s = self._clock_s()
            if (left_s := until_s - asked_s) <= 0:
                break
            member = await self._slots.take(request, failed, wait_s=_patience_s(request, left_s))
            if member is None:
                break
            waited_s = self._clock_s() - asked_s
            if _waits_for_ever(request):
                until_s += waited_s
            if last:
                self._observer.retried(last[0].name)
            left_s = until_s - self._clock_s()
            try:
                return await self._attempt(member, request, failed, left_s=left_s, waited_s=waited_s)
            except EngineFailed as error:
                failed[member] = error
                last = member, error
        raise last[1] if last else self._roster.refusal(request)

    def close(self) -> None:
        """Close the engines and stop asking for their health. May be called from any thread, and may block."""
        self._closed = True
        for watch in list(self._watches):
            loop = watch.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(watch.cancel)
        for member in self._roster.members:
            try:
                member.engine.close()
            except Exception:  # a plug-in's; the others are to be closed too
                log.exception("%s does not close", member.name)

    # ------------------------------------------------------------ one try

    async def _attempt(
        self, member: Member, request: Request, failed: Failed, *, left_s: float, waited_s: float
    ) -> Hypothesis:
        elsewhere = self._roster.elsewhere(member, request, failed)
        limit_s = min(left_s / 2, self._timeout_s) if elsewhere else left_s  # the other needs time too
        outcome: Hypothesis | BaseException = asyncio.CancelledError()
        began_s = self._clock_s()
        self._observer.began(member.name)
        work = asyncio.create_task(_ask(member, request))  # it may outlive whoever gives it up
        try:
            outcome = await _within(limit_s, work, member.name)
            outcome = replace(outcome, queue_ms=outcome.queue_ms + round(1000 * waited_s))
            return outcome
        except SpeechError as error:
            outcome = error
            raise
        finally:
            took_s = self._clock_s() - began_s
            self._observer.ended(member.name, request, outcome, took_s=waited_s + took_s)
            enough_s = min(self._timeout_s, _SLOW_S) if elsewhere else self._timeout_s  # the last one gets more credit
            in_haste = isinstance(outcome, DeadlineExceeded) and took_s < 0.9 * enough_s
            if not in_haste:  # its caller gave it too little time: that is not the engine's fault
                self._learn(member, outcome, again=member in failed)
            self._free(work, member, request, began_s)

    def _free(self, work: asyncio.Task[Hypothesis], member: Member, request: Request, began_s: float) -> None:
        """Give `member` back once it works on `request` no more, which may be after nobody wants it."""

        def over(_: asyncio.Task[Hypothesis]) -> None:
            if not work.cancelled():
                work.exception()  # nobody else may have asked
            self._slots.give_back(member, request, took_s=self._clock_s() - began_s)

        work.cancel()
        if work.done():
            over(work)
        else:
            work.add_done_callback(over)

    def _learn(self, member: Member, outcome: Hypothesis | BaseException, *, again: bool) -> None:
        """Learn from one try. If the same decode fails `again`, it may be the audio's fault."""
        was_up = member.up
        match outcome:
            case Hypothesis():
                member.breaker.succeeded()
            case Overloaded():
                member.breaker.rest(outcome.retry_after_s)
            case EngineLost():
                member.breaker.lost()
            case ReplicaLost():
                pass  # what it had in hand fails together, and says nothing of the others
            case EngineFailed() if not again:
                member.breaker.failed()
        if was_up and not member.up:
            self._down(member, str(outcome))

    # ------------------------------------------------------------ down, and back

    def _down(self, member: Member, why: str) -> None:
        member.last_error = why
        log.warning("%s is down: %s", member.name, why)
        self._observer.up(member.name, False)
        self._slots.changed()
        if not self._closed:
            watch = asyncio.create_task(self._watch(member))  # no call's: it outlives the one that found out
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)

    async def _watch(self, member: Member) -> None:
        """Ask for the health of an engine that is down until it is back."""
        while not member.up:
            await self._pause(member.breaker.delay_s)
            if await self._is_healthy(member):
                member.breaker.answered()
            else:
                member.breaker.missed()
        log.warning("%s is back", member.name)
        self._observer.up(member.name, True)
        self._slots.changed()
        self._back.set()
        self._back.clear()

    async def _is_healthy(self, member: Member) -> bool:
        try:
            async with timeout(self._timeout_s):
                return await member.engine.healthy()
        except Exception as error:  # a plug-in's: what cannot say that it is well is not
            log.debug("%s: health check failed: %r", member.name, error)
            return False


def _waits_for_ever(request: Request) -> bool:
    """Finals of clients stand behind those of calls, and none is lost for that: their time begins with the decode."""
    return request.final and request.standing is not Standing.CALL


def _patience_s(request: Request, left_s: float) -> float | None:
    """Return for how long `request` may wait for an engine with room, None for ever."""
    if _waits_for_ever(request):
        return None
    return left_s if request.final else left_s / 2


async def _within(limit_s: float, work: asyncio.Task[Hypothesis], engine: str) -> Hypothesis:
    try:
        async with timeout(limit_s):
            return await asyncio.shield(work)
    except TimeoutError as error:
        raise DeadlineExceeded(f"{engine}: no answer within {limit_s:.1f} s") from error


async def _ask(member: Member, request: Request) -> Hypothesis:
    """Have `member` decode; whatever it raises becomes a SpeechError."""
    try:
        with contained(member.name):
            hypothesis = await member.engine.decode(member.fit(request))
    except SpeechError:
        raise
    except TimeoutError as error:  # its own
        raise DeadlineExceeded(f"{member.name}: {error}") from error
    except Exception as error:  # a plug-in's bug costs a try, not the call
        log.exception("%s failed in a way it should not", member.name)
        raise EngineFailed(f"{member.name}: {error!r}") from error
    return replace(hypothesis, engine=member.name)
