"""An application for Twilio's ConversationRelay in forty lines."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import WSMsgType, web

Behaviour = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]


class App:
    """An application that does what a test says with each message it gets."""

    def __init__(self, behave: Behaviour) -> None:
        self.told: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.twiml: dict[str, str] = {}
        """What is answered at each path; "{ws}" in it is where the relay is."""
        self.asked: list[tuple[str, dict[str, str], str]] = []
        """Path, form and signature of each question for TwiML."""
        self._behave, self._changed = behave, asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [web.get("/relay", self._serve), web.get("/hold.wav", self._recording), web.post("/{path}", self._twiml)]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/relay"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def until(self, happened: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["type"] == kind]

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.headers.append(dict(request.headers))
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.told.append(json.loads(message.data))
                self._changed.set()
                await self._behave(socket, self.told[-1])
        self._changed.set()
        return socket

    async def _twiml(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.path, form, request.headers.get("X-Twilio-Signature", "")))
        self._changed.set()
        return web.Response(text=self.twiml[request.path].replace("{ws}", self.url), content_type="text/xml")

    async def _recording(self, request: web.Request) -> web.Response:
        return web.Response(body=b"RIFF\0\0\0\0WAVEdata")


async def answers(socket: web.WebSocketResponse, message: dict[str, Any]) -> None:
    """Greets, says back what it is told in two tokens, and says which key was pressed."""
    match message["type"]:
        case "setup":
            await socket.send_str(text("Welcome!"))
        case "prompt" if message["last"]:
            await socket.send_str(text("You said: ", last=False))
            await socket.send_str(text(message["voicePrompt"]))
        case "dtmf":
            await socket.send_str(text(f"Key {message['digit']}."))


def text(token: str, *, last: bool = True, **more: object) -> str:
    return json.dumps({"type": "text", "token": token, "last": last, **more})
