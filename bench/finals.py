"""End of speech to the final transcript, on the wire that carries both a bot and transcripts (/talk)."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiohttp
from gauge import Results, late, spread
from integration.server import Server

from bridge.commands.phone.carrier_buffer import FRAME_BYTES, FRAME_MS
from bridge.commands.phone.simulated_phone import SILENCE
from bridge.commands.recording import Recording

SILENCE_S: Final = 1.5
"""After each recording; its final must come within it."""


async def finals(server: Server, said: Sequence[Recording], name: str) -> Results:
    """One session, one recording after the other, at the pace of a telephone."""
    late_ms: list[float] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"ws://{server.address}/talk") as socket:
        await socket.send_json({"type": "config", "encoding": "mulaw", "sample_rate": 8000, "partials": False})
        waited = [await _final_after(socket, recording, late_ms) for recording in said]
    late_p99_ms = sorted(late_ms)[int(len(late_ms) * 0.99)]
    row = {**spread(waited), "missed": waited.count(None), "note": late([late_p99_ms])}
    return {f"{name}: speech end -> final, ms": row}


async def _final_after(
    socket: aiohttp.ClientWebSocketResponse, recording: Recording, late_ms: list[float]
) -> float | None:
    """Say `recording`; return how long after its last sound its last final came, None where none did."""
    loop, heard = asyncio.get_running_loop(), list[float]()
    began = loop.time()

    async def listen() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                body = json.loads(message.data)
                if body["type"] == "final" and body["text"]:
                    heard.append(loop.time())
                elif body["type"] == "mark":
                    await socket.send_json(body)  # as if it were played: the bot is not what is measured

    listening = asyncio.create_task(listen())
    audio = recording.mulaw + SILENCE * int(SILENCE_S * 1000 / FRAME_MS)
    for at in range(0, len(audio), FRAME_BYTES):
        due = began + at / FRAME_BYTES * FRAME_MS / 1000
        await asyncio.sleep(max(0.0, due - loop.time()))
        late_ms.append((loop.time() - due) * 1000)
        await socket.send_bytes(audio[at : at + FRAME_BYTES])
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    spoke_until = began + recording.ends_ms / 1000 + FRAME_MS / 1000  # the last sound leaves with its whole frame
    return (heard[-1] - spoke_until) * 1000 if heard else None
