"""A sentence that is being made, once for all calls that want it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import numpy as np

from bot.api import Samples
from bridge.containment import contained


class Making:
    """Makes one sentence at the pace of its voice, whoever of the listeners is slow, held or gone.

    It lives as long as one of them listens: the last to leave ends it.
    """

    def __init__(
        self, audio: AsyncGenerator[Samples, None], *, on_end: Callable[["Making", Samples | None], None]
    ) -> None:
        """`on_end` gets all of `audio`, None where it was not made whole; once, as soon as that is known."""
        self.shared = False
        """More than one call asked for it."""
        self._on_end: Callable[[Making, Samples | None], None] | None = on_end
        self._chunks: list[Samples] = []
        self._error: Exception | None = None
        self._over, self._more = False, asyncio.Event()
        self._listeners = 0
        self._task = asyncio.create_task(self._make(audio))

    async def follow(self) -> AsyncGenerator[Samples, None]:
        """Yield the audio from its beginning, as it is made.

        Raises:
            whatever making it raises.
        """
        self._listeners += 1
        heard = 0
        try:
            while True:
                while heard < len(self._chunks):
                    heard += 1
                    yield self._chunks[heard - 1]
                if self._over:
                    break
                self._more.clear()
                await self._more.wait()
            if self._error:
                raise self._error
        finally:
            self._listeners -= 1
            if not self._listeners and not self._over:
                await self._abandon()

    async def _make(self, audio: AsyncGenerator[Samples, None]) -> None:
        try:
            with contained("the voice"):
                async with aclosing(audio) as chunks:
                    async for samples in chunks:
                        self._chunks.append(samples)
                        self._more.set()
            self._end(np.concatenate(self._chunks) if self._chunks else None)
        except Exception as error:  # a plug-in's, whatever it is: raised again in each call that listens
            self._error = error
        finally:
            self._end(None)

    def _end(self, sound: Samples | None) -> None:
        self._over = True
        self._more.set()
        if self._on_end:
            on_end, self._on_end = self._on_end, None
            on_end(self, sound)

    async def _abandon(self) -> None:
        """Nobody listens any more: who asks from here on has it made anew."""
        self._end(None)
        self._task.cancel()
        await asyncio.wait({self._task})
