"""What watching costs the bridge: python bench/levels.py

The CPU of one process for levels of live calls, as events, and for listening in, against calls that nobody watches.
Both sides speak all the time, which is the dearest case.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, nullcontext

import numpy as np

from bridge.leg import Leg
from bridge.monitoring.levels import Levels
from bridge.monitoring.watched_calls import WatchedCall, WatchedCalls, WatchedLeg
from bridge.records.journal import Journal
from telephony.codec import encode
from telephony.events import AudioFormat, Capabilities, Command, Encoding, Event, Media, Play

FRAME_MS = 20
FORMATS = {
    "mulaw 8 kHz": AudioFormat(Encoding.MULAW, 8000),
    "L16 16 kHz": AudioFormat(Encoding.L16, 16_000),
}


class Talker:
    """A leg on which the caller says the same 20 ms over and over."""

    capabilities = Capabilities(audio_out=True)

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    async def __aiter__(self) -> AsyncIterator[Event]:
        at_ms = 0
        while True:
            yield Media(self._payload, at_ms)
            at_ms += FRAME_MS

    async def send(self, command: Command, /) -> None:
        pass


async def cost(audio: AudioFormat, calls: int, seconds: int, *, watched: bool, listeners: int) -> float:
    """Return the CPU that a second of `calls` takes, milliseconds."""
    rng = np.random.default_rng(1)
    payload = encode(rng.normal(0, 0.1, audio.sample_rate * FRAME_MS // 1000).astype(np.float32), audio.encoding)
    on, told = WatchedCalls(), bytearray()
    levels = Levels(on, every_s=3600)
    with ExitStack() as stack:
        legs: list[WatchedLeg] = []
        for _ in range(calls):
            leg: Leg = Talker(payload)
            legs.append(WatchedLeg(leg, audio))
            stack.enter_context(on.listed(WatchedCall(legs[-1], Journal(lambda entry: None))))

        def tell(event: Mapping[str, object]) -> None:
            told.extend(json.dumps(event).encode())

        stack.enter_context(levels.told(tell) if watched else nullcontext())
        heard = [stack.enter_context(leg.watched()).listen() for leg in legs[:listeners]]
        events = [aiter(leg) for leg in legs]
        began = time.process_time()
        for frame in range(seconds * 1000 // FRAME_MS):
            for leg_, coming in zip(legs, events, strict=True):
                await leg_.send(Play(payload))
                await anext(coming)
            if watched and not frame % 10:
                levels.tick()
            if not frame % 5:
                for one in heard:
                    one.take()
        return (time.process_time() - began) * 1000 / seconds


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=int, default=20, help="of audio")
    options = parser.parse_args()
    for name, audio in FORMATS.items():
        cases = {"nobody watches": (False, 0), "levels": (True, 0), "levels, ten listeners": (True, 10)}
        for case, (watched, listeners) in cases.items():
            ms = await cost(audio, options.calls, options.seconds, watched=watched, listeners=listeners)
            share = f"{ms / 10:.2f} % of a core"
            print(f"{name:12}  {options.calls} calls  {case:22} {ms:6.1f} ms of CPU a second, {share}")


if __name__ == "__main__":
    asyncio.run(main())
