"""`bridge listen`: streams a recording to /ws of a running server, and prints what comes back."""

import asyncio
import json
import ssl
import sys
import wave
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import aiohttp

_CHUNK_S: Final = 0.1
_RAW_RATE: Final = 16_000


class Refused(Exception):
    """The server closed the session; the text says why."""


async def listen(
    url: str,
    source: str,
    *,
    config: Mapping[str, object],
    token: str = "",
    fast: bool = False,
    tls: ssl.SSLContext | bool = True,
) -> AsyncIterator[dict[str, object]]:
    """Yield the server's messages for `source`, up to its last final.

    `source`: path of a 16-bit mono WAV, or "-" for raw 16-bit mono at 16 kHz on standard input. `config`: further
    fields of the config message. `token`: the server's API token, "" if it has none. `fast`: send as fast as the server
    takes it, not in real time. `tls`: who is believed to be the server.

    Raises:
        ValueError: the WAV is of another kind.
        OSError: it cannot be read.
        aiohttp.ClientError: the server is not there.
        Refused: the server closed the session.
    """
    with _open(source) as (audio, rate):
        headers = {"Authorization": f"Bearer {token}"} if token else None
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers=headers, compress=0, ssl=tls) as socket,
        ):
            await socket.send_json({"type": "config", **config, "encoding": "int16", "sample_rate": rate})
            sending = asyncio.create_task(_send(socket, audio, rate, fast=fast))
            shown = False  # a partial that no final has followed: an empty one takes it back
            try:
                async for message in socket:
                    body: dict[str, object] = json.loads(message.data)
                    final = body["type"] == "final"
                    if final and not body["text"] and not shown and sending.done():
                        return
                    shown = body["type"] == "partial" or (shown and not final)
                    yield body
                    if final and sending.done():
                        await socket.send_json({"type": "finalize"})  # until it comes back empty, more may be pending
            finally:
                sending.cancel()
            raise Refused(f"the server closed the session with code {socket.close_code}")


class _open:  # noqa: N801 - a context manager that reads as a verb
    """Opens a source: gives (stream of 16-bit samples, sample rate in hertz) and closes it."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> tuple[BinaryIO | wave.Wave_read, int]:
        if self._source == "-":
            return sys.stdin.buffer, _RAW_RATE
        self._wave = wave.open(str(Path(self._source)))
        if (self._wave.getsampwidth(), self._wave.getnchannels()) != (2, 1):
            raise ValueError(f"{self._source}: must be 16 bit mono")
        return self._wave, self._wave.getframerate()

    def __exit__(self, *_: object) -> None:
        if self._source != "-":
            self._wave.close()


async def _send(
    socket: aiohttp.ClientWebSocketResponse, audio: BinaryIO | wave.Wave_read, rate: int, *, fast: bool
) -> None:
    loop, step = asyncio.get_running_loop(), int(rate * _CHUNK_S)
    due = loop.time()
    while chunk := await asyncio.to_thread(_read, audio, step):
        await socket.send_bytes(chunk)
        due += _CHUNK_S
        if not fast:
            await asyncio.sleep(max(0.0, due - loop.time()))
    await socket.send_json({"type": "finalize"})


def _read(audio: BinaryIO | wave.Wave_read, samples: int) -> bytes:
    chunk = audio.readframes(samples) if isinstance(audio, wave.Wave_read) else audio.read(samples * 2)
    return chunk[: len(chunk) // 2 * 2]
