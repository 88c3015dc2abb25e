"""A server of speech recognition with the API of OpenAI, as vLLM has it, which hears a word for each second."""

import base64
import io
import ssl
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from serving import served

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class SpeakingServer:
    """Speaks the protocol as vLLM does: hears "one two three ...", a word for each second, and misbehaves on demand."""

    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "asr", "root": "Qwen/Qwen3-ASR-1.7B"}])
    key: str = ""
    refuses: tuple[str, ...] = ()
    """Fields that are answered with 400."""
    refusal: str = "no {}"
    continues: bool = True
    """Its template renders assistant turns."""
    joins: bool = True
    """Its template makes several pieces of audio one."""
    language: str | None = "english"
    """What its transcriptions tell."""
    faults: list[Fault] = field(default_factory=list)
    """Answer the next decodes instead."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, float] = field(default_factory=dict)
    """Seconds of audio by name."""
    health: int = 200
    lists: int = 200
    """Status of /v1/models; 200 lists `models`."""
    url: str = ""
    port: int = 0
    hosts: set[str] = field(default_factory=set)
    """What the Host headers of decodes said."""
    connections: set[object] = field(default_factory=set)

    @asynccontextmanager
    async def served(
        self, port: int = 0, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["SpeakingServer"]:
        app = web.Application(client_max_size=1 << 24)
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/audio/transcriptions", self._transcription),
            ]
        )
        async with served(app, host=host, port=port, tls=tls, cancels=True) as self.url:
            self.port = int(self.url.rpartition(":")[2])
            yield self

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(status=self.health)

    async def _models(self, request: web.Request) -> web.Response:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": f"wrong key {request.headers.get('Authorization')}"}, status=401)
        if self.lists != 200:
            return web.Response(status=self.lists, text="<html>not here</html>")
        return web.json_response({"object": "list", "data": self.models})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.connections.add(request.transport)
        self.hosts.add(request.host)
        self.bodies.append(body)
        return await self.faults.pop(0)(request) if self.faults else self._answer(body)

    def _answer(self, body: dict[str, Any]) -> web.Response:
        parts = body["messages"][1]["content"]
        for name in self.refuses:
            if name in body or any(name in part for part in parts):
                return problem(self.refusal.format(name))
        opened = body["messages"][2]["content"] if len(body["messages"]) > 2 else ""
        if opened and not self.continues:
            return problem("the final message does not appear in the chat")
        seconds = 0.0
        for part in parts:
            if part["input_audio"] is None and part["uuid"] not in self.kept:
                return problem("Cache miss for audio at index 0 but data is not provided.")
            heard = length_s(part["input_audio"]) if part["input_audio"] else self.kept[part["uuid"]]
            self.kept[part.get("uuid", "")] = heard
            seconds += heard
        words = [" " * bool(n) + word for n, word in enumerate("one two three four five".split())][: int(seconds)]
        said = opened.partition("<asr_text>")[2]
        pieces = words[len(said.split()) :] if opened else ["language", " English", "<asr_text>", *words]
        pieces = pieces[: body["max_tokens"]]
        top = {"top_logprobs": [{"token": ".", "logprob": -1.0}]} if body.get("top_logprobs") else {}
        content = [{"token": piece, **top} for piece in [*pieces, "<|im_end|>"]]
        prompt_tokens = 13 * int(seconds) + (0 if self.joins else 2 * len(parts))
        cached = 104 * sum(part["input_audio"] is None for part in parts)
        return web.json_response(
            {
                "choices": [
                    {
                        "message": {"content": "".join(pieces)},
                        "logprobs": {"content": content} if body.get("logprobs") else None,
                        "finish_reason": "length" if len(pieces) == body["max_tokens"] else "stop",
                    }
                ],
                "usage": {"prompt_tokens": prompt_tokens, "prompt_tokens_details": {"cached_tokens": cached}},
            }
        )

    async def _transcription(self, request: web.Request) -> web.StreamResponse:
        form = dict((await request.post()).items())
        self.bodies.append(form)
        if self.faults:
            return await self.faults.pop(0)(request)
        for name in self.refuses:
            if name in form or name in form.values():
                return problem(self.refusal.format(name))
        file = form.pop("file")
        assert isinstance(file, web.FileField)
        text = " ".join("one two three four five".split()[: int(wav_s(file.file.read()))])
        told = {"language": self.language} if form["response_format"] == "verbose_json" else {}
        return web.json_response({"text": text, **told})


def wav_s(file: bytes) -> float:
    with wave.open(io.BytesIO(file)) as sound:
        return float(sound.getnframes() / sound.getframerate())


def length_s(audio: dict[str, str]) -> float:
    return wav_s(base64.b64decode(audio["data"]))


def problem(message: str, status: int = 400) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "BadRequestError", "code": status}}, status=status)
