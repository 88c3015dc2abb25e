"""An application for Twilio's ConversationRelay in forty lines."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import WSMsgType, web
from serving import AppServer

Behaviour = Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]]


class App(AppServer):
    """An application that does what a test says with each message it gets."""

    def __init__(self, behave: Behaviour) -> None:
        self.told: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.twiml: dict[str, str] = {}
        """What is answered at each path; "{ws}" in it is where the relay is."""
        self.asked: list[tuple[str, dict[str, str], str]] = []
        """Path, form and signature of each question for TwiML."""
        self._behave = behave

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/relay", self._serve), web.get("/hold.wav", self._recording), web.post("/{path}", self._twiml)]

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.url = f"ws{self.url.removeprefix('http')}/relay"
        return self

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
                self.changed()
                await self._behave(socket, self.told[-1])
        self.changed()
        return socket

    async def _twiml(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append((request.path, form, request.headers.get("X-Twilio-Signature", "")))
        self.changed()
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
