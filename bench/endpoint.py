"""An endpoint that answers at once, in a process of its own: chat completions and a hook. It keeps its own times."""

import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Final

import aiohttp
from aiohttp import web

TOKENS: Final = ("We", " open", " at", " nine.", " We", " close", " at", " six", " in", " the", " evening.")
FIRST: Final = 5
"""Tokens with which the first sentence is whole: the one behind it says that it has ended."""

Times = tuple[float, float, float]
"""`time.perf_counter`, the same clock in all processes: request read, first token written, first sentence written."""


@asynccontextmanager
async def endpoint() -> AsyncIterator[str]:
    """Run it; yield its address, http://host:port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{await asyncio.to_thread(ours.recv)}"
    finally:
        process.terminate()
        process.join()


async def newest(url: str) -> Times:
    """Return the times of the newest request."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/newest") as response:
        came_s, first_s, sentence_s = await response.json()
        return came_s, first_s, sentence_s


def _serve(told: Connection) -> None:
    asyncio.run(_run(told))


async def _run(told: Connection) -> None:
    kept: list[Sequence[float]] = []

    async def answer(request: web.Request, kind: str, pieces: Sequence[bytes], first: int) -> web.StreamResponse:
        await request.read()
        came_s, written_s = time.perf_counter(), list[float]()
        response = web.StreamResponse(headers={"Content-Type": kind})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            written_s.append(time.perf_counter())
        kept.append((came_s, written_s[first - FIRST], written_s[first - 1]))
        return response

    async def complete(request: web.Request) -> web.StreamResponse:
        return await answer(request, "text/event-stream", _EVENTS, FIRST)

    async def hook(request: web.Request) -> web.StreamResponse:
        return await answer(request, "text/plain; charset=utf-8", [token.encode() for token in TOKENS], FIRST)

    async def tell(_: web.Request) -> web.Response:
        return web.json_response(kept[-1])

    app = web.Application()
    app.add_routes(
        [web.post("/v1/chat/completions", complete), web.post("/hook", hook), web.get("/newest", tell)],
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def _event(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n".encode()


_EVENTS: Final = [_event({"content": token}) for token in TOKENS] + [_event({}, "stop") + b"data: [DONE]\n\n"]
