"""A leg over a wire that sends nothing while there is nothing to hear: silence of our own clock keeps its time."""

import asyncio
from collections.abc import AsyncIterator

from bridge.leg import OpeningLeg
from bridge.legs.base import WrappedLeg
from bridge.legs.silence_filler import SilenceFiller
from telephony.events import CallEnded, CallStarted, Event, Media


class SilenceFilledLeg(WrappedLeg):
    """`leg`, whose audio never stops."""

    def __init__(self, leg: OpeningLeg) -> None:
        super().__init__(leg)
        self._clock = asyncio.get_running_loop().time
        self._filler: SilenceFiller | None = None  # from the start on

    async def start(self, timeout_s: float) -> CallStarted:
        """See OpeningLeg."""
        started = await super().start(timeout_s)
        self._filler = SilenceFiller(started.format, self._clock() * 1000 - started.early_ms)
        return started

    async def __aiter__(self) -> AsyncIterator[Event]:
        assert self._filler, "start comes first"
        events = aiter(self._leg)
        coming = asyncio.ensure_future(anext(events))
        try:
            while True:
                await asyncio.wait({coming}, timeout=max(0.0, self._filler.next_ms / 1000 - self._clock()))
                if not coming.done():
                    if silence := self._filler.due(self._clock() * 1000):
                        yield silence
                    continue
                event = coming.result()
                if isinstance(event, CallEnded):
                    yield event
                    return
                coming = asyncio.ensure_future(anext(events))
                yield self._filler.place(event.payload, self._clock() * 1000) if isinstance(event, Media) else event
        finally:
            coming.cancel()
