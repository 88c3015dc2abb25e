"""The recogniser as one session has it: says who asks, leaves partials out under load, and measures waits of finals."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

from bridge.speech.api import Hypothesis, Overloaded, Recogniser, Request, Standing
from bridge.speech.pool.wrapped import WrappedRecogniser


class FinalWaits(Protocol):
    """What hears how long finals wait."""

    def final(self, standing: Standing, /) -> AbstractContextManager[Callable[[float], None]]:
        """Count a final that is decoded inside the block; what it returns takes the seconds that an engine worked."""


class SessionAsr(WrappedRecogniser):
    """A `Recogniser` for one session."""

    def __init__(
        self,
        asr: Recogniser,
        *,
        session: str,
        standing: Callable[[], Standing],
        spares_partials: Callable[[Standing], bool],
        waits: FinalWaits,
    ) -> None:
        """`session` names it; `standing` is asked at each decode; `spares_partials`: partials are left out now."""
        super().__init__(asr)
        self._session, self._standing = session, standing
        self._spares_partials, self._waits = spares_partials, waits

    async def decode(self, request: Request, /) -> Hypothesis:
        """See Asr.

        Raises:
            Overloaded: partials are left out now, or all engines are busy.
        """
        standing = self._standing()
        request = replace(request, session=self._session, standing=standing)
        if not request.final:
            if self._spares_partials(standing):
                raise Overloaded("partials are left out while the server has too much to do")
            return await self._asr.decode(request)
        with self._waits.final(standing) as answered:
            hypothesis = await self._asr.decode(request)
            answered(hypothesis.run_ms / 1000)
            return hypothesis
