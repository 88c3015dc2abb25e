"""The engines of a pool: what they can do together, and which of them takes the next decode. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bridge.speech.api import (
    SAMPLE_RATE,
    Asr,
    AsrCapabilities,
    BadRequest,
    EngineFailed,
    EngineLost,
    Overloaded,
    ReplicaLost,
    Request,
    UnsupportedLanguage,
)
from bridge.speech.languages import code_of
from bridge.speech.pool.audio import checked
from bridge.speech.pool.member import Member
from bridge.speech.pool.queueing import Failed


class Roster:
    """Knows each engine's load and health, and chooses by them."""

    def __init__(self, engines: Sequence[Asr], clock_s: Callable[[], float]) -> None:
        if not engines:
            raise ValueError("no engine is named")
        names = _distinct([engine.name for engine in engines])
        self.members = [Member(engine, name, clock_s) for engine, name in zip(engines, names, strict=True)]
        self.name = ", ".join(names)
        self.capabilities = _together([engine.capabilities for engine in engines])
        self._turn = 0

    def check_language(self, language: str | None) -> None:
        """Raises:
        UnsupportedLanguage: no engine knows it; the text names those known, and the remedy where there is one.
        """
        if any(member.knows(language) for member in self.members):
            return
        known = ", ".join(sorted(self.capabilities.languages or ())) or "others"
        remedies = (member.engine.capabilities.more_languages for member in self.members)
        if remedy := code_of(language or "") and next(filter(None, remedies), ""):
            raise UnsupportedLanguage(f"language is {language!r}; {self.name} knows only {known}; {remedy}")
        raise UnsupportedLanguage(f"language is {language!r}; {self.name} knows {known}")

    def checked(self, request: Request) -> Request:
        """Return `request` with audio that any engine can be given.

        Raises:
            BadRequest: the audio or the language is none that any engine takes.
        """
        self.check_language(request.language)
        longest_s = max(m.engine.capabilities.longest_s for m in self.members if m.knows(request.language))
        seconds = len(request.audio) / SAMPLE_RATE if request.audio.ndim else 0
        if seconds > longest_s:
            raise BadRequest(f"audio is {seconds:.1f} s long, at most {longest_s:g} s fit one decode")
        return replace(request, audio=checked(request.audio))

    def choose(self, request: Request, failed: Failed, *, live: bool = False) -> Member | None:
        """Return the engine that tries next; None if none may now. `live`: somebody speaks, see Member.ready."""
        turn = (self._turn + 1) % len(self.members)
        rotated = self.members[turn:] + self.members[:turn]
        able = [member for member in rotated if _may(member, request, failed) and member.ready(request, live=live)]
        chosen = min(able, key=lambda member: (member in failed, member.rank(request)), default=None)
        self._turn += chosen is not None  # among equals they take turns
        return chosen

    def may_wait(self, request: Request, failed: Failed, *, ahead: int) -> bool:
        """Return whether one of the engines that is busy now may try later. `ahead`: decodes that would go before.

        Only what an engine does not order itself waits; a partial only where it would not delay finals.
        """
        able = [member for member in self.members if _may(member, request, failed) and member.may_later(request)]
        room = sum(member.engine.capabilities.backlog - member.in_hand for member in able)
        return bool(able) and (request.final or (any(map(_queues, able)) and ahead < room))

    def elsewhere(self, member: Member, request: Request, failed: Failed) -> bool:
        """Return whether another engine may try if `member` does not answer."""
        return any(
            other not in failed and _may(other, request, failed) and other.ready(request, live=False)
            for other in self.members
            if other is not member
        )

    def refusal(self, request: Request) -> EngineFailed:
        """Return why `choose` found no engine."""
        fit = [member for member in self.members if member.takes(request)]
        if not (up := [member for member in fit if member.up]):
            return EngineLost(f"no engine is up: {'; '.join(f'{m.name}: {m.last_error}' for m in fit)}")
        rest_s = min(member.breaker.resting_s for member in up)
        busy = ", ".join(f"{member.name} has {member.in_hand} decodes in hand" for member in up)
        return Overloaded(busy, retry_after_s=rest_s or None)


def _may(member: Member, request: Request, failed: Failed) -> bool:
    """An engine that failed tries again only for a final, and only if it was neither too busy nor too slow nor lost."""
    unlucky = member in failed and not (request.final and type(failed[member]) in (EngineFailed, ReplicaLost))
    return not unlucky


def _queues(member: Member) -> bool:
    return member.engine.capabilities.at_once is not None


def _distinct(names: Sequence[str]) -> list[str]:
    """Number engines of the same name, because metrics and messages tell engines apart by their names."""
    before = [names[:n].count(name) for n, name in enumerate(names)]
    return [f"{name} ({n + 1})" if n else name for name, n in zip(names, before, strict=True)]


def _together(each: Sequence[AsrCapabilities]) -> AsrCapabilities:
    """Return what callers may count on, whichever engine answers."""
    known = [capabilities.languages for capabilities in each if capabilities.languages is not None]
    return AsrCapabilities(
        prefix=all(capabilities.prefix for capabilities in each),
        context=all(capabilities.context for capabilities in each),
        languages=frozenset[str]().union(*known) if len(known) == len(each) else None,
        longest_s=max(capabilities.longest_s for capabilities in each),
        word_times=all(capabilities.word_times for capabilities in each),
        backlog=sum(capabilities.backlog for capabilities in each),
        at_once=_sum([capabilities.at_once for capabilities in each]),
    )


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
