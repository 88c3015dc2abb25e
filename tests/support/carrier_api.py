"""A carrier's REST API in forty lines, which answers as its documents say, and keeps what it was asked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from serving import AppServer


@dataclass
class CarrierApi(AppServer):
    """Serves while it is entered."""

    answers: Mapping[str, object] = field(default_factory=dict)
    """By "METHOD /path": a JSON object, or an HTTP status of a refusal; 200 and {} for all others."""
    asked: list[tuple[str, str, object, str]] = field(default_factory=list)
    """Method, path with query, body (JSON or form as a dict), Authorization."""

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._answer)]

    async def requests(self, count: int) -> list[tuple[str, str, object, str]]:
        """Return what was asked, once there is so much."""
        await self.until(lambda: len(self.asked) >= count)
        return self.asked

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body: object = json.loads(raw) if request.content_type == "application/json" else dict(await request.post())
        self.asked.append((request.method, request.raw_path, body, request.headers.get("Authorization", "")))
        self.changed()
        match self.answers.get(f"{request.method} {request.path}", {}):
            case int(status):
                return web.json_response({"errors": [{"code": "10015", "detail": "not like that"}]}, status=status)
            case (int(status), told):
                return web.json_response(told, status=status)
            case told:
                return web.json_response(told)
