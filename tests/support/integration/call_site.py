"""A server with the dashboard's page and calls that a test makes up: what the page asks for, answered from memory."""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
from aiohttp import web
from serving import served

from bridge.records.entries import ENDING, Entry, EntryKind
from bridge.records.rendering import CSV_COLUMNS, as_object, entry_object, stamp
from bridge.server.pages import Pages
from telephony.codec import encode
from telephony.events import Encoding


class CallSite:
    """Calls by record, and those who follow them."""

    def __init__(self, token: str = "") -> None:
        self.token, self.url = token, ""
        self.rows: dict[str, dict[str, object]] = {}
        self.entries: dict[str, list[Entry]] = {}
        self.ended: list[str] = []
        """Records whose end was asked for."""
        self.asked: list[Mapping[str, str]] = []
        """Queries of /calls."""
        self.followers: set[asyncio.Queue[str]] = set()
        self.meters: set[asyncio.Queue[str]] = set()
        self.listeners = 0
        self._changed = asyncio.Event()

    def add(self, record: str, **columns: object) -> dict[str, object]:
        """Add a call; without `ended_at` it is on."""
        row: dict[str, object] = {
            **dict.fromkeys(CSV_COLUMNS, ""),
            **dict.fromkeys(ENDING),
            "ended_at": None,
        }
        row |= dict.fromkeys(("language", "ended_by", "fault"), "")
        row |= {"turns": 0, "barge_ins": 0, "faults": 0, "began_at": now(), "record": record, **columns}
        self.rows[record] = row
        self.entries.setdefault(record, [])
        return row

    def say(
        self,
        record: str,
        kind: EntryKind,
        text: str = "",
        data: Mapping[str, object] | None = None,
        *,
        at: float | None = None,
    ) -> None:
        """Add an entry, and tell it."""
        told = self.entries[record]
        entry = Entry(record, len(told) + 1, now() if at is None else at, kind, text, data or {})
        told.append(entry)
        self.tell({"record": record, **entry_object(entry)})

    def level(self, record: str, caller_db: float, bot_db: float) -> None:
        """Tell the levels of a call."""
        data = {"caller_db": caller_db, "bot_db": bot_db}
        event = {"record": record, "number": 0, "at": stamp(now()), "kind": "level", "text": "", "data": data}
        self.tell(event, self.meters)

    def tell(self, event: Mapping[str, object], to: "set[asyncio.Queue[str]] | None" = None) -> None:
        for follower in self.followers if to is None else to:
            follower.put_nowait(f"data: {json.dumps(event)}\n\n")

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until a listener who came or left makes `happened` true."""
        async with asyncio.timeout(5):
            while not happened():
                self._changed.clear()
                await self._changed.wait()

    # ------------------------------------------------------------ routes

    async def list(self, request: web.Request) -> web.Response:
        wanted = request.query
        self.asked.append(dict(wanted))
        rows = sorted(self.rows.values(), key=lambda row: str(row["began_at"]), reverse=True)
        rows = [row for row in rows if "live" not in wanted or row["ended_at"] is None]
        rows = [row for row in rows if wanted.get("phone", "") in f"{row['caller']} {row['callee']}"]
        rows = [row for row in rows if all(wanted.get(name) in {None, row[name]} for name in ("ended_by", "fault"))]
        words = wanted.get("text", "")
        rows = [
            row for row in rows if any(words in entry.text for entry in self.entries[str(row["record"])]) or not words
        ]
        names = [row["record"] for row in rows]
        if before := wanted.get("before"):
            rows = rows[names.index(before) + 1 :]
        return web.json_response({"calls": [as_object(row) for row in rows[: int(wanted.get("limit", "50"))]]})

    async def one(self, request: web.Request) -> web.Response:
        record = request.match_info["record"]
        if record not in self.rows:
            return web.json_response({"error": "no such call"}, status=404)
        row = as_object(self.rows[record], self.entries[record])
        return web.json_response({"call_id": row["call_id"], "status": "", "record": row})

    async def end(self, request: web.Request) -> web.Response:
        record = request.match_info["record"]
        self.ended.append(record)
        self.rows[record]["ended_at"] = now()
        told = {"ended_by": "operator", "duration_ms": 1000}
        self.say(record, EntryKind.ENDED, "an operator ended the call", told)
        return web.Response(status=204)

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        followers = self.meters if request.path.endswith("levels") else self.followers
        followers.add(queue)
        try:
            while True:
                parts = [await queue.get()]
                while not queue.empty():
                    parts.append(queue.get_nowait())
                await response.write("".join(parts).encode())
        finally:
            followers.discard(queue)

    async def recording(self, request: web.Request) -> web.Response:
        body = io.BytesIO()
        with wave.open(body, "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(8000 * 20 * 4))
        return web.Response(body=body.getvalue(), content_type="audio/wav")

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        socket = web.WebSocketResponse(protocols=[offered] if offered else [])
        await socket.prepare(request)
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(800) / 8000).astype(np.float32)
        leaving = asyncio.create_task(socket.receive())
        self.listeners += 1
        self._changed.set()
        try:
            while not leaving.done():
                await socket.send_bytes(encode(tone, Encoding.L16))
                await asyncio.wait({leaving}, timeout=0.1)
        except ConnectionError:
            pass  # it left while we sent
        finally:
            self.listeners -= 1
            self._changed.set()
        return socket


def now() -> float:
    return datetime.now(UTC).timestamp()


@asynccontextmanager
async def call_site(token: str = "") -> AsyncIterator[CallSite]:
    """Serve one; with a `token`, calls are only for who shows it."""
    site, pages = CallSite(token), Pages()

    @web.middleware
    async def door(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's own type
        closed = token and request.path.startswith(("/calls", "/events"))
        if closed and request.headers.get("Authorization") != f"Bearer {token}":
            raise web.HTTPUnauthorized(text="send the API token\n")
        response: web.StreamResponse = await handler(request)
        return response

    app = web.Application(middlewares=[door])
    app.add_routes(
        [
            web.get("/", pages.front),
            web.get("/dashboard", pages.dashboard),
            web.get("/web/{name}", pages.file),
            web.get("/calls", site.list),
            web.get("/calls/{record}", site.one),
            web.delete("/calls/{record}", site.end),
            web.get("/calls/{record}/recording", site.recording),
            web.get("/calls/{record}/listen", site.listen),
            web.get("/events", site.events),
            web.get("/events/levels", site.events),
        ]
    )
    async with served(app, cancels=True) as site.url:
        yield site
