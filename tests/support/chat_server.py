"""A rule-based endpoint of the chat completions protocol: streaming, tools, and the faults of real ones.

    rules = [("^user: .*order 12", Answer(calls=[("find_order", '{"number": 12}')])), ("^tool: ", Answer("Tomorrow."))]
    async with ChatServer(rules) as server:
        AsyncOpenAI(base_url=server.url, api_key="any")

The first rule whose pattern is found in the last message, written "role: content", answers.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, Self

from aiohttp import web
from serving import AppServer

USAGE: Final = {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}
"""What each answer takes, told to who asks for it."""


class Fault(Enum):
    """What goes wrong once `Answer.text` is sent."""

    STALL = auto()
    """Nothing more comes. Without text: nothing at all, not even the head of the response."""
    RESET = auto()
    """The connection is torn down."""
    MALFORMED = auto()
    """A chunk that is no JSON."""
    STRANGE = auto()
    """A chunk that is JSON, and no chat completion."""
    ERROR = auto()
    """An error inside the stream, as servers send it when a worker dies."""
    BROKEN_OFF = auto()
    """The response ends well and the answer does not: neither finish_reason nor [DONE]."""
    NO_REASON = auto()
    """The answer ends with [DONE] and no finish_reason. An answer all the same."""
    NO_END = auto()
    """The answer has its finish_reason, and the response no end. An answer all the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    text: str = ""
    """Sent word by word."""
    calls: Sequence[tuple[str, str]] = ()
    """Tools to call: (name, arguments as JSON). The arguments are sent in pieces of five characters."""
    fault: Fault | None = None
    status: int = 200
    """Anything else is answered at once, with an error body that repeats the key, as some servers do."""
    delay_s: float = 0.0
    """Before the first word, and the head of the response."""
    cut: bool = False
    """Text comes as UTF-8 instead of escapes, in pieces of five bytes: characters arrive in halves."""
    terse: bool = False
    """Calls come whole, without index and id, as some servers send them."""


Rules = Sequence[tuple[str, Answer]]


@dataclass
class ChatServer(AppServer):
    """Serves while it is entered. Keeps what it was asked and who hung up."""

    rules: Rules = ()
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the requests, in order."""
    keys: list[str] = field(default_factory=list)
    """What each brought as Authorization."""
    traceparents: list[str] = field(default_factory=list)
    """The header of that name of each, "" where it brought none."""
    peers: set[object] = field(default_factory=set)
    """The client's side of each connection."""
    hung_up: int = 0
    """Responses whose reader left before their end."""
    cancels = True

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/chat/completions", self._complete)]

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.url += "/v1"
        return self

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body, key = await request.json(), request.headers.get("Authorization", "")
        self.requests.append(body)
        self.keys.append(key)
        self.traceparents.append(request.headers.get("traceparent", ""))
        self.peers.add(request.transport.get_extra_info("peername") if request.transport else None)
        self.changed()
        answer = self._answer(body["messages"][-1])
        if answer.status != 200:
            error = {"message": f"status {answer.status}, your key was {key}", "type": "error", "code": None}
            return web.json_response({"error": error}, status=answer.status, headers={"Retry-After": "30"})
        if not body.get("stream"):
            message = {"role": "assistant", "content": answer.text}
            return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        try:
            return await self._stream(request, answer, counts=bool(body.get("stream_options")))
        except (asyncio.CancelledError, ConnectionError):
            self.hung_up += answer.fault is not Fault.RESET
            self.changed()
            raise

    def _answer(self, last: dict[str, Any]) -> Answer:
        line = f"{last['role']}: {last['content']}"
        found = (answer for pattern, answer in self.rules if re.search(pattern, line, re.DOTALL))
        return next(found, Answer(f"You said: {last['content']}"))

    async def _stream(self, request: web.Request, answer: Answer, *, counts: bool) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await asyncio.sleep(answer.delay_s)
        if not answer.text and answer.fault is Fault.STALL:
            await asyncio.Event().wait()
        await response.prepare(request)
        for delta in _deltas(answer):
            event = _event(_chunk(delta), escaped=not answer.cut)
            for at in range(0, len(event), size := 5 if answer.cut else len(event)):
                await response.write(event[at : at + size])
                await asyncio.sleep(0)
        async for event in self._fail(request, answer.fault):
            await response.write(event)
        if answer.fault is Fault.BROKEN_OFF:
            return response
        if answer.fault is not Fault.NO_REASON:
            await response.write(_event(_chunk({}, "tool_calls" if answer.calls else "stop")))
        if counts:
            await response.write(_event({"choices": [], "usage": USAGE}))
        if answer.fault is Fault.NO_END:
            await asyncio.Event().wait()
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _fail(self, request: web.Request, fault: Fault | None) -> AsyncIterator[bytes]:
        match fault:
            case Fault.STALL:
                await asyncio.Event().wait()
            case Fault.RESET:
                assert request.transport
                request.transport.abort()
                raise ConnectionResetError
            case Fault.MALFORMED:
                yield b'data: {"choices": [{"delta": {"cont\n\n'
            case Fault.STRANGE:
                yield _event({"choices": [{"index": 0, "delta": "a text"}]})
            case Fault.ERROR:
                yield _event({"error": {"message": "the worker died", "type": "server_error", "code": 500}})


def _deltas(answer: Answer) -> Iterable[dict[str, object]]:
    yield {"role": "assistant", "content": ""}
    for word in re.findall(r"\S+\s*", answer.text):
        yield {"content": word}
    for index, (name, arguments) in enumerate(answer.calls):
        if answer.terse:
            yield {"tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}]}
            continue
        function = {"name": name, "arguments": ""}
        yield {"tool_calls": [{"index": index, "id": f"id-{index}", "type": "function", "function": function}]}
        for at in range(0, len(arguments), 5):
            yield {"tool_calls": [{"index": index, "function": {"arguments": arguments[at : at + 5]}}]}


def _chunk(delta: dict[str, object], reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "rules", "choices": [choice]}


def _event(data: object, *, escaped: bool = True) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=escaped)}\n\n".encode()
