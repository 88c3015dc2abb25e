"""What happens to the finals of a call while no engine is there: their audio is kept, and they wait, in order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from bridge.speech.api import Recogniser, SpeechError

log = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSES_S = (0.0, 0.5, 2.0, 5.0)
"""Before each further try. Audio that fails every time, with engines there, is what breaks them: it is given up."""


class AsrOutage:
    """Lets the decodes of one call wait while no engine is there, one decode at a time.

    The caller is told once in each outage. It ends when a decode succeeds, or when one has waited in vain.
    """

    def __init__(self, recogniser: Recogniser, *, longest_s: float, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        """`longest_s`: a decode is given up so long after its first try failed. `pauses_s`: before each further try."""
        self._recogniser, self._longest_s, self._pauses_s = recogniser, longest_s, pauses_s
        self._waiting: asyncio.Timeout | None = None
        self._apologised = False

    def take_apology(self, *, again: bool = False) -> bool:
        """Return True once in an outage: the caller is to be told now. `again`: they spoke over what told them."""
        owed = self._waiting is not None and (again or not self._apologised)
        self._apologised = self._apologised or owed
        return owed

    def give_up(self) -> None:
        """Let the decode that waits fail now, if one does."""
        waiting, self._waiting = self._waiting, None
        if waiting:
            waiting.reschedule(asyncio.get_running_loop().time())

    async def survive(self, decode: Callable[[], Awaitable[T]], *, on_wait: Callable[[], None]) -> T:
        """Return what `decode` returns. Where it fails for want of an engine, call `on_wait`, wait and try again.

        Raises:
            SpeechError: the last failure: it can never succeed, or waiting was in vain.
        """
        try:
            found = await decode()
        except SpeechError as error:
            if not error.retryable:
                raise
            found = await self._wait(decode, on_wait, error)
        self._apologised = False
        return found

    async def _wait(self, decode: Callable[[], Awaitable[T]], on_wait: Callable[[], None], failure: SpeechError) -> T:
        log.warning("a final waits for an engine: %s", failure)
        try:
            async with asyncio.timeout(self._longest_s) as self._waiting:
                on_wait()
                for pause_s in self._pauses_s:
                    await asyncio.sleep(pause_s)
                    await self._recogniser.recovered()
                    try:
                        return await decode()
                    except SpeechError as error:
                        failure = error
                        if not error.retryable:
                            break
        except TimeoutError:
            pass
        finally:
            self._apologised = self._apologised and self._waiting is None  # given up, the outage goes on for the next
            self._waiting = None
        raise failure
