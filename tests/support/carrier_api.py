"""A carrier's REST API in forty lines, which answers as its documents say, and keeps what it was asked."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web


@dataclass
class CarrierApi:
    """Serves while it is entered."""

    answers: Mapping[str, object] = field(default_factory=dict)
    """By "METHOD /path": a JSON object, or an HTTP status of a refusal; 200 and {} for all others."""
    asked: list[tuple[str, str, object, str]] = field(default_factory=list)
    """Method, path with query, body (JSON or form as a dict), Authorization."""

    async def __aenter__(self) -> Self:
        self._changed = asyncio.Event()
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._answer)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._runner.cleanup()

    async def requests(self, count: int) -> list[tuple[str, str, object, str]]:
        """Return what was asked, once there is so much."""
        async with asyncio.timeout(5):
            while len(self.asked) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.asked

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body: object = json.loads(raw) if request.content_type == "application/json" else dict(await request.post())
        self.asked.append((request.method, request.raw_path, body, request.headers.get("Authorization", "")))
        self._changed.set()
        match self.answers.get(f"{request.method} {request.path}", {}):
            case int(status):
                return web.json_response({"errors": [{"code": "10015", "detail": "not like that"}]}, status=status)
            case (int(status), told):
                return web.json_response(told, status=status)
            case told:
                return web.json_response(told)
