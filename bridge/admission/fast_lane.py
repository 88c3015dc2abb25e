"""Audio that comes faster than it was spoken takes its turn, so that it leaves the loop's time to those who speak."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PIECE_MS: Final = 160
"""Of a client's audio, in one turn: five windows of the VAD."""
_REST: Final = 5.0
"""Times as long as a turn nobody else has one, while somebody speaks: a sixth of the loop is for all of them."""
_LONGEST_S: Final = 0.05
"""A turn that takes longer waits for something else than the loop, e.g. for the client's own finals."""
_LIVE_S: Final = 1.0


class FastLane:
    """Hands out turns, first come first served."""

    def __init__(
        self,
        calls: Callable[[], int],
        clock_s: Callable[[], float],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`calls` returns how many calls there are. `pause` waits for a number of seconds."""
        self._calls, self._clock_s, self._pause = calls, clock_s, pause
        self._turn = asyncio.Lock()
        self._live_until_s = self._free_at_s = -float("inf")

    def live(self) -> None:
        """Note that audio came that is being spoken now."""
        self._live_until_s = self._clock_s() + _LIVE_S

    async def turn(self) -> Callable[[], None]:
        """Wait for a turn; return what ends it. It ends by itself after `_LONGEST_S`."""
        await self._turn.acquire()
        try:
            # At least once: who sends without end must not keep the others from the loop.
            await self._pause(max(0.0, self._free_at_s - self._clock_s()))
        except BaseException:  # whoever waits is gone
            self._turn.release()
            raise
        return _Turn(self._clock_s, self._over).end

    def _over(self, busy_s: float) -> None:
        speaks = self._calls() or self._clock_s() < self._live_until_s
        self._free_at_s = self._clock_s() + (_REST * busy_s if speaks else 0.0)
        self._turn.release()


class _Turn:
    def __init__(self, clock_s: Callable[[], float], ended: Callable[[float], None]) -> None:
        self._clock_s, self._ended, self._began_s = clock_s, ended, clock_s()
        self._timer = asyncio.get_running_loop().call_later(_LONGEST_S, self.end)
        self._open = True

    def end(self) -> None:
        """End it; does nothing a second time."""
        if self._open:
            self._open = False
            self._timer.cancel()
            self._ended(self._clock_s() - self._began_s)
