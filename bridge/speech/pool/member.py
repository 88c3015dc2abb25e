"""One engine of a pool: what it takes, what it has in hand, whether it may be asked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from bridge.speech.api import SAMPLE_RATE, Asr, Request, Standing
from bridge.speech.languages import Known
from bridge.speech.pool.affinity import affinity
from bridge.speech.pool.audio import padded
from bridge.speech.pool.breaker import Breaker, BreakerState

_STEPS: Final = 8
"""Parts of the backlog in which loads are compared. A smaller difference is worth less than a warm cache."""


class Member:
    """An engine and what the pool knows of it."""

    def __init__(self, engine: Asr, name: str, clock_s: Callable[[], float]) -> None:
        self.engine, self.name, self.breaker = engine, name, Breaker(clock_s)
        self.known = Known(engine.capabilities.languages)
        self.in_hand = 0
        """Decodes that it got and still works on."""
        self.fast_in_hand = 0
        """Those of them whose audio came faster than speech."""
        self.last_error = ""
        """Why it last went down."""

    @property
    def up(self) -> bool:
        return self.breaker.state is not BreakerState.OPEN

    def takes(self, request: Request) -> bool:
        """Return whether it knows the language, or one of those it may be, and the audio is not too long for it."""
        too_long = len(request.audio) > self.engine.capabilities.longest_s * SAMPLE_RATE
        return not too_long and any(
            map(self.knows, [request.language] if request.language else request.languages or [None])
        )

    def knows(self, language: str | None) -> bool:
        return language is None or self.known.spelling(language) is not None

    def fit(self, request: Request) -> Request:
        """Return `request` with the language spelled, and the audio as long, as the engine wants it."""
        language = None if request.language is None else self.known.spelling(request.language)
        languages = tuple(filter(None, map(self.known.spelling, request.languages)))
        audio = padded(request.audio, self.engine.capabilities.shortest_s)
        return replace(request, language=language, languages=languages, audio=audio)

    def ready(self, request: Request, *, live: bool) -> bool:
        """Return whether it may be given `request` now: a final while it is up, a partial where there is room too.

        `live`: somebody speaks; then audio that comes faster than speech gets half of it, and the rest stays free.
        """
        if not self.may_later(request):
            return False
        backlog, at_once = self.engine.capabilities.backlog, self.engine.capabilities.at_once
        if at_once is not None and self.in_hand >= at_once:
            return False
        if live and request.standing is Standing.FAST and self.fast_in_hand >= max(1, (at_once or backlog) // 2):
            return False
        room = 1 if self.breaker.state is BreakerState.TRIAL else backlog
        return request.final or self.in_hand < room

    def may_later(self, request: Request) -> bool:
        """Return whether it is worth waiting for: it takes such requests, is up and wants no rest."""
        return self.takes(request) and self.up and not self.breaker.resting_s

    def began(self, request: Request) -> None:
        """Note that it got `request`."""
        self.in_hand += 1
        self.fast_in_hand += request.standing is Standing.FAST

    def ended(self, request: Request) -> None:
        """Note that it works on `request` no more."""
        self.in_hand -= 1
        self.fast_in_hand -= request.standing is Standing.FAST

    def rank(self, request: Request) -> tuple[bool, int, bytes]:
        """Return the rank of the engine: the lowest is preferred.

        Partials try an engine that says it is back, finals rather do not. Then the least loaded; among equals a key
        always leads to the same, which has the beginning of the utterance in its caches.
        """
        on_trial = self.breaker.state is BreakerState.TRIAL
        load = self.in_hand * _STEPS // max(1, self.engine.capabilities.backlog)
        return on_trial is request.final, load, affinity(request.key, self.name)
