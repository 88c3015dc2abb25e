"""A bot server of known delays and faults on Twilio's media dialect, for the test of the benchmark that measures it.

It hears one thing: whether a frame has sound in it. What it does at the end of each sound it is told beforehand.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import WSMsgType, web
from serving import served

from telephony.codec import encode
from telephony.events import Encoding

_LOUD: Final = 0x50
"""A mu-law byte whose low seven bits are below this is louder than about -28 dBFS."""


def tone(ms: int) -> bytes:
    """Return a tone, mu-law at 8 kHz: loud from its first sample to its last."""
    at = np.arange(8 * ms) / 8000
    return encode((0.3 * np.sign(np.sin(2 * np.pi * 300 * at))).astype(np.float32), Encoding.MULAW)


@dataclass(frozen=True, slots=True)
class Answers:
    """Says a tone. The delay counts from the arrival of the last frame with sound."""

    after_ms: int
    ms: int = 300
    break_ms: int = 0
    """Its second half comes so long after the first was heard: an audible gap."""


@dataclass(frozen=True, slots=True)
class Yields:
    """Falls silent so long after the arrival of the first frame with sound; None: speaks on."""

    after_ms: int | None
    resumes_ms: int | None = None
    """Speaks on after so long a silence."""
    then: "Answers | None" = None
    """What it says at the end of the sound."""


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Reaction = Answers | Yields | None


@dataclass
class KnownBot:
    """What it does at each sound of a call, by the number in the call's id; None: nothing."""

    reactions: dict[int, Sequence[Reaction]]
    story_ms: int = 30_000
    played: list[str] = field(default_factory=list)
    """Marks that came back."""
    late_ms: float = 0.0
    """The most by which it was late itself."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve a call."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        call = _Call(self, socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await call.understand(json.loads(message.data))
        finally:
            for task in call.tasks:
                task.cancel()
        return socket


class _Call:
    def __init__(self, bot: KnownBot, socket: web.WebSocketResponse) -> None:
        self._bot, self._socket = bot, socket
        self.tasks: list[asyncio.Task[None]] = []
        self._waiting: list[Reaction] = []
        self._sounding = False
        self._newest_s = 0.0

    async def understand(self, message: dict[str, Any]) -> None:
        now_s = asyncio.get_running_loop().time()
        match message["event"]:
            case "start":
                self._waiting = list(self._bot.reactions.get(int(message["start"]["callSid"][2:], 16), ()))
            case "media":
                frame = base64.b64decode(message["media"]["payload"])
                loud = sum(byte & 0x7F < _LOUD for byte in frame) > 40
                if loud and not self._sounding and self._waiting and isinstance(self._waiting[0], Yields):
                    self._later(self._yield(self._waiting[0], now_s))
                if loud:
                    self._newest_s = now_s
                elif self._sounding and self._waiting:
                    reaction = self._waiting.pop(0)
                    answer = reaction.then if isinstance(reaction, Yields) else reaction
                    if answer:
                        self._later(self._answer(answer, self._newest_s))
                self._sounding = loud
            case "dtmf" if message["dtmf"]["digit"] == "#" and self._waiting:
                pressed = self._waiting.pop(0)
                if isinstance(pressed, Answers):
                    self._later(self._answer(pressed, now_s))
            case "mark":
                self._bot.played.append(message["mark"]["name"])

    def _later(self, doing: Coroutine[None, None, None]) -> None:
        self.tasks.append(asyncio.create_task(doing))

    async def _answer(self, answer: Answers, heard_s: float) -> None:
        await self._until(heard_s + answer.after_ms / 1000)
        sound = tone(answer.ms)
        half = len(sound) // 2 if answer.break_ms else len(sound)
        await self._play(sound[:half])
        if answer.break_ms:
            await self._until(heard_s + (answer.after_ms + half / 8 + answer.break_ms) / 1000)
            await self._play(sound[half:])
        await self._send({"event": "mark", "mark": {"name": "said"}})

    async def _yield(self, reaction: Yields, onset_s: float) -> None:
        if reaction.after_ms is None:
            return
        await self._until(onset_s + reaction.after_ms / 1000)
        await self._send({"event": "clear"})
        if reaction.resumes_ms is not None:
            await self._until(onset_s + (reaction.after_ms + reaction.resumes_ms) / 1000)
            await self._play(tone(self._bot.story_ms))

    async def _play(self, sound: bytes) -> None:
        await self._send({"event": "media", "media": {"payload": base64.b64encode(sound).decode()}})

    async def _send(self, body: dict[str, object]) -> None:
        await self._socket.send_str(json.dumps({"streamSid": "MZ", **body}))

    async def _until(self, at_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, at_s - loop.time()))
        self._bot.late_ms = max(self._bot.late_ms, (loop.time() - at_s) * 1000)


@asynccontextmanager
async def listening(handler: Handler) -> AsyncIterator[str]:
    """Serve `handler`, a WebSocket handler of aiohttp, on a free port; yield its URL."""
    app = web.Application()
    app.add_routes([web.get("/", handler)])
    async with served(app) as url:
        yield f"ws{url.removeprefix('http')}/"
