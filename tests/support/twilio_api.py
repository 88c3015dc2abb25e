"""Twilio's REST API in forty lines, and its faults."""

import asyncio
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from serving import AppServer

from bridge.settings import Settings

ACCOUNT: Final = "AC" + "0" * 32
TOKEN: Final = "t0ken"


@dataclass
class TwilioApi(AppServer):
    """Serves while it is entered, and keeps what it was asked: (path, form)."""

    status: int = 200
    body: object = field(default_factory=dict)
    raw: bytes | None = None
    """Sent instead of `body`."""
    stuck: bool = False
    """It takes requests and answers none."""
    asked: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/{path:.*}", self._answer)]

    async def requests(self, count: int) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return what was asked, once there is so much."""
        await self.until(lambda: len(self.asked) >= count)
        return self.asked

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        self.asked.append((request.path, form))
        self.changed()
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(given) != f"{ACCOUNT}:{TOKEN}".encode():
            return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        if self.stuck:
            await asyncio.Event().wait()
        if self.status == 302:
            raise web.HTTPFound("/elsewhere")
        if self.raw is not None:
            return web.Response(body=self.raw, status=self.status)
        return web.json_response(self.body, status=self.status)


CALL = "CA" + "1" * 32


def settings(url: str, **more: object) -> Settings:
    known = {"twilio_account_sid": ACCOUNT, "twilio_auth_token": TOKEN, "twilio_api_url": url}
    return Settings.model_validate(
        {**known, "twilio_api_timeout": 0.3, "public_url": "https://bot.example.com", **more}
    )
