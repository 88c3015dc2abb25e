"""A client of the plain WebSocket protocol."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from integration.server import Server

from bridge.speech.api import Samples
from telephony.codec import encode
from telephony.events import Encoding


class Client:
    """A client that streams faster than speech and keeps what comes back."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **message: object) -> None:
        await self.socket.send_str(json.dumps(message))

    async def stream(self, audio: Samples, *, chunk: int = 1600, encoding: Encoding = Encoding.FLOAT32) -> None:
        for i in range(0, len(audio), chunk):
            await self.socket.send_bytes(encode(audio[i : i + chunk], encoding))

    async def receive(self, kind: str | None = None) -> dict[str, Any]:
        """Return the next message, or the next of `kind`."""
        async with asyncio.timeout(20):
            while True:
                body: dict[str, Any] = json.loads((await self.socket.receive()).data)
                if kind is None or body["type"] == kind:
                    return body

    async def final(self) -> str:
        return str((await self.receive("final"))["text"])


@asynccontextmanager
async def connect(server: Server, path: str = "/ws", **options: Any) -> AsyncIterator[Client]:  # noqa: ANN401 - ws_connect's
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.http}{path}", **options) as socket,
    ):
        client = Client(socket)
        created = await client.receive()
        assert created["type"] == "session_created"
        assert created["session_id"]
        yield client
