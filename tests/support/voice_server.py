"""A voice server by rules, for tests of those who ask one: it speaks in tones, and fails as it is told.

    async with VoiceServer(answer=pcm_of) as server:
        HttpTts.from_settings(Settings(tts="openai", tts_url=(server.url,)))

What it is asked is in `asked`. The length of a tone tells how many letters it says: LETTERS_A_SECOND.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiohttp import web
from serving import AppServer

from bot.api import Samples
from telephony.codec import encode
from telephony.events import Encoding

LETTERS_A_SECOND: Final = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    json: Any
    text: str


Answer = Callable[[web.Request, Asked], Awaitable[web.StreamResponse]]


@dataclass
class VoiceServer(AppServer):
    """`answer` is who answers; `faults` answer the next requests instead, one each."""

    answer: Answer
    faults: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._handle)]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = await request.json() if request.content_type == "application/json" else None
        asked = Asked(request.method, request.path, dict(request.query), dict(request.headers), body, text)
        self.asked.append(asked)
        if request.transport:
            self.connections.add(request.transport.get_extra_info("peername"))
        answer = self.faults.pop(0) if self.faults else self.answer
        return await answer(request, asked)


def tone(text: str, sample_rate: int, *, level: float = 0.2) -> Samples:
    """Return a tone that is as long as a voice of LETTERS_A_SECOND needs for `text`."""
    letters = sum(len(word) for word in text.split())
    at = np.arange(round(sample_rate * letters / LETTERS_A_SECOND)) / sample_rate
    return (level * np.sin(2 * np.pi * 440 * at)).astype(np.float32)


def sound(text: str, sample_rate: int = 24_000, encoding: Encoding = Encoding.L16, *, level: float = 0.2) -> bytes:
    """Return that tone as bytes."""
    return encode(tone(text, sample_rate, level=level), encoding)


def wav_head(sample_rate: int, *, size: int = 0xFFFF_FFFF, kind: int = 1, bits: int = 16, channels: int = 1) -> bytes:
    """Return the head of a WAV file, as servers write it before they know how long it gets."""
    frame = channels * bits // 8
    fields = (kind, channels, sample_rate, sample_rate * frame, frame, bits)
    chunk = b"".join(n.to_bytes(2 if at in {0, 1, 4, 5} else 4, "little") for at, n in enumerate(fields))
    return (
        b"RIFF" + b"\xff" * 4 + b"WAVEfmt " + (16).to_bytes(4, "little") + chunk + b"data" + size.to_bytes(4, "little")
    )


def speaking(
    read: Callable[[Asked], str] = lambda asked: asked.json["input"],
    *,
    rate: int = 24_000,
    content_type: str = "audio/pcm",
    headers: dict[str, str] | None = None,
    level: float = 0.2,
    pieces: int = 999,
) -> Answer:
    """Return what says all of the text, in pieces of an odd number of bytes."""

    async def answer(request: web.Request, asked: Asked) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type, **(headers or {})})
        await response.prepare(request)
        data = sound(read(asked), rate, level=level)
        for at in range(0, len(data), pieces):
            await response.write(data[at : at + pieces])
        await response.write_eof()
        return response

    return answer


def breaking_off(letters: int, *, rate: int = 24_000) -> Answer:
    """Return what says so many letters and tears the connection down."""

    async def answer(request: web.Request, _: Asked) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        await response.write(sound("x" * letters, rate))
        assert request.transport
        request.transport.close()
        return response

    return answer


def refusing(status: int, body: object = None, **headers: str) -> Answer:
    """Return what answers an error."""

    async def answer(_: web.Request, __: Asked) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response({"error": {"message": "no"}} if body is None else body, status=status, headers=named)

    return answer
