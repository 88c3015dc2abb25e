"""An Asterisk's REST interface, as far as the bridge asks of it: says yes, keeps what it was asked, tells events."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final, Self

from aiohttp import web
from aiohttp.test_utils import TestServer

USER: Final = "bot"
PASSWORD: Final = "s3cret"
_BASIC: Final = f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


def channel(name: str, *, caller: str = "4711", exten: str = "600") -> dict[str, object]:
    """Return a channel as events tell of it."""
    return {
        "id": name,
        "name": f"PJSIP/{name}",
        "caller": {"name": "", "number": caller},
        "dialplan": {"context": "test", "exten": exten, "priority": 1},
    }


class AriServer:
    """One Asterisk, on this machine."""

    def __init__(self, *, media: tuple[str, int] = ("127.0.0.1", 9)) -> None:
        """`media`: where it has the audio of all its calls."""
        self.asked: list[tuple[str, str, Mapping[str, str]]] = []
        """Method, path and parameters of each request."""
        self.channels: set[str] = set()
        """Those of the application."""
        self.refuses: dict[tuple[str, str], int] = {}
        """Status by method and path."""
        self.answers: dict[tuple[str, str], bytes] = {}
        """Body of an answer that says yes, by method and path, where it is not the right one."""
        self.bridges: set[str] = set()
        self.extensions = {"300"}
        self.connections = 0
        self.deaf = False
        """True: it keeps the sockets of events open and tells nothing."""
        self.changed = asyncio.Event()
        self._media = media
        self._sockets: set[web.WebSocketResponse] = set()
        app = web.Application()
        app.add_routes([web.get("/ari/events", self._events), web.route("*", "/ari/{path:.*}", self._rest)])
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/ari"))

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up_events()
        await self._server.close()

    async def tell(self, message: str | Mapping[str, object]) -> None:
        """Tell an event, or anything."""
        text = message if isinstance(message, str) else json.dumps(message)
        for socket in self._sockets if not self.deaf else ():
            await socket.send_str(text)

    async def enter(self, name: str, *args: str) -> None:
        """Have a channel enter the application."""
        self.channels.add(name)
        await self.tell({"type": "StasisStart", "channel": channel(name), "args": args})

    async def leave(self, name: str) -> None:
        self.channels.discard(name)
        await self.tell({"type": "StasisEnd", "channel": channel(name)})

    async def hang_up_events(self) -> None:
        """Close the sockets that events go over."""
        for socket in list(self._sockets):
            await socket.close()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for what a request or a connection makes true."""
        async with asyncio.timeout(5):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def until_asked(self, method: str, path: str) -> Mapping[str, str]:
        """Return the parameters of a request once it has come."""
        await self.until(lambda: any(asked[:2] == (method, path) for asked in self.asked))
        return next(parameters for *what, parameters in self.asked if what == [method, path])

    async def until_connected(self, count: int = 1) -> None:
        """Wait until its events have been asked for that often."""
        await self.until(lambda: self.connections >= count)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != _BASIC:
            return web.json_response({"error": "Unauthorized"}, status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        self.connections += 1
        self.changed.set()
        async for _ in socket:
            pass
        self._sockets.discard(socket)
        return socket

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != _BASIC:
            return web.json_response({"error": "Unauthorized"}, status=401)
        path = request.match_info["path"]
        self.asked.append((request.method, path, dict(request.query)))
        self.changed.set()
        if status := self.refuses.get((request.method, path)):
            return web.json_response({"message": "no"}, status=status)
        if (body := self.answers.get((request.method, path))) is not None:
            return web.Response(body=body, content_type="application/json")
        if status := self._bridge(request.method, path, request.query.get("bridgeId", "")):
            return web.json_response({"message": "no such bridge, or one too many"}, status=status)
        if path.startswith("applications/"):
            return web.json_response({"name": "bridge", "channel_ids": sorted(self.channels)})
        if path.endswith("/variable"):
            return web.json_response({"value": self._variable(request.query["variable"])})
        if path.startswith("events/user/"):
            await self.tell({"type": "ChannelUserevent", "eventname": path.removeprefix("events/user/")})
        if path == "channels/externalMedia":
            await self.enter(request.query["channelId"])
        if path.endswith("/addChannel") and not self.channels.issuperset(request.query["channel"].split(",")):
            return web.json_response({"message": "Channel not in Stasis application"}, status=422)
        if request.method == "DELETE" and path.startswith("channels/"):
            await self.leave(path.removeprefix("channels/"))
        return web.json_response({"id": "x"})

    def _bridge(self, method: str, path: str, name: str) -> int:
        """Make or end a bridge, or look it up; return the status where that fails, else 0."""
        if (method, path) == ("POST", "bridges"):
            if name in self.bridges:
                return 409
            self.bridges.add(name)
        elif method in {"GET", "DELETE"} and path.startswith("bridges/"):
            name = path.removeprefix("bridges/")
            if name not in self.bridges:
                return 404
            if method == "DELETE":
                self.bridges.remove(name)
        return 0

    def _variable(self, name: str) -> str:
        if name.startswith("DIALPLAN_EXISTS("):
            return str(int(name.split(",")[1] in self.extensions))
        return {"UNICASTRTP_LOCAL_ADDRESS": self._media[0], "UNICASTRTP_LOCAL_PORT": str(self._media[1])}[name]
