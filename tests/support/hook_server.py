"""A hook written in twenty lines, and the faults of real ones.

    async with HookServer([("turn: .*order", Reply('{"say": "Tomorrow."}', "application/json"))]) as server:
        ask(server.url)

The first rule whose pattern is found in "event: text" answers.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Self

from aiohttp import web
from serving import AppServer


class Fault(Enum):
    """What goes wrong once `Reply.text` is sent."""

    STALL = auto()
    """Nothing more comes. Without text: not even the head of the response."""
    RESET = auto()
    """The connection is torn down. Without text: before the head of the response."""


@dataclass(frozen=True, slots=True)
class Reply:
    text: str | bytes | Sequence[str | bytes] = ""
    """Of several, each is a chunk."""
    kind: str = "text/plain; charset=utf-8"
    status: int = 200
    fault: Fault | None = None
    delay_s: float = 0.0
    """Before anything."""


@dataclass
class HookServer(AppServer):
    """Serves while it is entered. Keeps what it was told and who hung up."""

    rules: Sequence[tuple[str, Reply]] = ()
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hung_up: int = 0
    port: int = 0
    cancels = True

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self._answer), web.get("/{name}.wav", self._recording)]

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.url += "/hook"
        return self

    def of(self, event: str) -> list[dict[str, Any]]:
        """Return what was told of `event`."""
        return [body for body in self.bodies if body["event"] == event]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        self.raw.append(raw)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.changed()
        line = f"{body['event']}: {body.get('text', '')}"
        reply = next((reply for pattern, reply in self.rules if re.search(pattern, line, re.DOTALL)), None)
        if reply is None:
            text = f"You said: {body['text']}" if body["event"] == "turn" else ""
            return web.Response(text=text)
        try:
            return await self._send(request, reply)
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up += reply.fault is not Fault.RESET
            self.changed()
            raise

    async def _send(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        await asyncio.sleep(reply.delay_s)
        chunks = [reply.text] if isinstance(reply.text, str | bytes) else reply.text
        headers = {"Content-Type": reply.kind} | ({"Location": "/elsewhere"} if reply.status == 302 else {})
        response = web.StreamResponse(status=reply.status, headers=headers)
        if any(chunks) or reply.fault is None:
            await response.prepare(request)
        for chunk in chunks:
            if chunk:
                await response.write(chunk if isinstance(chunk, bytes) else chunk.encode())
                await asyncio.sleep(0)
        if reply.fault is Fault.STALL:
            await asyncio.Event().wait()
        if reply.fault is Fault.RESET:
            await asyncio.sleep(0.05)  # a reset overtakes what was written before it
            assert request.transport
            request.transport.abort()
            raise ConnectionResetError
        return response

    async def _recording(self, request: web.Request) -> web.Response:
        body = b"RIFF\0\0\0\0WAVEdata" if request.match_info["name"] == "hold" else b"<html>"
        return web.Response(body=body)
