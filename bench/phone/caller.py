"""A caller on Twilio's media dialect: sends 20 ms frames on absolute deadlines, and keeps what it hears of any server.

A frame holds the 20 ms before it leaves, as a telephone's does: what is said at 100 ms is sent at 120 ms.
Nothing that a server sends ends the call: what cannot be read is counted.
"""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
import numpy as np

from bot.api import Samples
from bridge.commands.phone.twilio_line import TwilioLine
from phone.ear import Ear
from phone.line import FaultyLine, LineFaults
from telephony.codec import encode
from telephony.events import Encoding

FRAME_MS: Final = 20
FRAME: Final = 160
"""Samples of a frame, 8 kHz."""
SEND_S: Final = 5.0
"""A server that takes nothing off the wire for so long has hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the caller is, and over what line they call."""

    noise: Samples
    """What the microphone takes up all the time, 8 kHz; played round and round."""
    faults: LineFaults = field(default_factory=LineFaults)
    seed: int = 0


class Caller:
    """One call in progress. `say` speaks, `until` waits, `ear` has what was heard."""

    def __init__(self, line: TwilioLine, place: Place) -> None:
        self.ear = Ear()
        self.late_ms: list[float] = []
        """Milliseconds by which each of our own frames left late."""
        self.malformed = 0
        """Messages of the server that are not of this dialect."""
        self.closed = asyncio.Event()
        self.said = bytearray()
        """What the caller sent, mu-law at 8 kHz, lost packets included."""
        self._line, self._place = line, place
        self._faults = FaultyLine(place.faults, seed=place.seed)
        self._to_say = np.zeros(0, np.float32)
        self._frames = 0  # that have been made
        self._began_s = asyncio.get_running_loop().time()
        self._changed = asyncio.Event()

    @property
    def now_ms(self) -> float:
        """Milliseconds since the call began."""
        return (asyncio.get_running_loop().time() - self._began_s) * 1000

    def say(self, audio: Samples) -> float:
        """Speak `audio`, 8 kHz, from the next frame on; return when its first sample is said."""
        begins_ms = self._frames * FRAME_MS + len(self._to_say) / 8
        self._to_say = np.concatenate([self._to_say, audio])
        return begins_ms

    async def press(self, digit: str) -> None:
        """Press a key: one of 0-9 * #."""
        try:
            async with asyncio.timeout(SEND_S):
                await self._line.press(digit)
        except (ConnectionError, TimeoutError):
            self._over()

    async def until(self, happened: Callable[[], bool], *, timeout_ms: float) -> bool:
        """Wait until `happened` is true or the call is over; return whether it is true. Asked 50 times a second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_ms / 1000):
                while not happened() and not self.closed.is_set():
                    self._changed.clear()
                    await self._changed.wait()
        return happened()

    async def speak(self) -> None:
        """Send a frame every 20 ms, until cancelled or the server is gone."""
        loop = asyncio.get_running_loop()
        outbox: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        posting = asyncio.create_task(self._post(outbox))
        try:
            while not posting.done():
                due_s = self._began_s + (self._frames + 1) * FRAME_MS / 1000
                await asyncio.sleep(max(0.0, due_s - loop.time()))
                self.late_ms.append((loop.time() - due_s) * 1000)
                frame = self._next_frame()
                message = self._line.media(frame, self._frames)
                leaves_ms = self._faults.arrives_ms(self._frames * FRAME_MS)
                if leaves_ms is not None:
                    outbox.put_nowait((leaves_ms, message))
                await self._echo(self.ear.reached(self.now_ms))
                self._changed.set()
        except (ConnectionError, TimeoutError):
            self._over()
        finally:
            posting.cancel()

    def _next_frame(self) -> bytes:
        at = self._frames * FRAME
        frame = np.take(self._place.noise, np.arange(at, at + FRAME), mode="wrap").astype(np.float32)
        said, self._to_say = self._to_say[:FRAME], self._to_say[FRAME:]
        frame[: len(said)] += said
        self._frames += 1
        mulaw = encode(frame, Encoding.MULAW)
        self.said += mulaw
        return mulaw

    async def _post(self, outbox: asyncio.Queue[tuple[float, str]]) -> None:
        with suppress(ConnectionError, TimeoutError):
            while True:
                leaves_ms, message = await outbox.get()
                await asyncio.sleep(max(0.0, (leaves_ms - self.now_ms) / 1000))
                async with asyncio.timeout(SEND_S):
                    await self._line.send(message)
        self._over()

    async def _echo(self, marks: list[str]) -> None:
        for name in marks:
            async with asyncio.timeout(SEND_S):
                await self._line.played(name)

    async def listen(self) -> None:
        """Take what the server sends, until it hangs up."""
        with suppress(ConnectionError):
            async for message in self._line.socket:
                await self._understand(message.data)
                self._changed.set()
        self._over()

    async def _understand(self, data: object) -> None:
        now_ms = self.now_ms
        try:
            match json.loads(data) if isinstance(data, str) else None:
                case {"event": "media", "media": {"payload": str(payload)}}:
                    self.ear.play(base64.b64decode(payload, validate=True), now_ms)
                case {"event": "mark", "mark": {"name": str(name)}}:
                    self.ear.mark(name, now_ms)
                case {"event": "clear"}:
                    await self._echo(self.ear.clear(now_ms))
                case _:
                    self.malformed += 1
        except (binascii.Error, ValueError, RecursionError):
            self.malformed += 1

    def _over(self) -> None:
        self.closed.set()
        self._changed.set()


@asynccontextmanager
async def dialled(
    url: str,
    place: Place,
    *,
    call_sid: str,
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncIterator[Caller]:
    """Call `url`; hang up at the end of the block.

    `parameters`: custom parameters of the stream. `headers`: of the WebSocket request.

    Raises:
        aiohttp.ClientError: the server is not there, or refuses the call.
        TimeoutError: it does not answer for ten seconds.
    """
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(10):
            wire = await session.ws_connect(
                url, headers=headers, compress=0, max_msg_size=1 << 24, timeout=aiohttp.ClientWSTimeout(ws_close=2)
            )
        async with wire:
            line = TwilioLine(wire, call_sid=call_sid)
            await line.begin(parameters or {})
            caller = Caller(line, place)
            tasks = [asyncio.create_task(caller.listen()), asyncio.create_task(caller.speak())]
            try:
                yield caller
            finally:
                tasks[1].cancel()
                with suppress(ConnectionError, TimeoutError):
                    async with asyncio.timeout(SEND_S):
                        await line.hang_up()
                        await line.close()
                tasks[0].cancel()
                ends = await asyncio.gather(*tasks, return_exceptions=True)
                for fault in ends:
                    if isinstance(fault, Exception):
                        raise fault  # ours: the server's are counted
