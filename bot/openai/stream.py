"""One answer of a model, as it is written: text, at its end the tools to call. All that goes wrong is `ModelFailed`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from bot.openai.chunks import NOTHING, Calls, Delta, NoChunk, ToolCall, Usage, read
from bot.openai.configuration import Endpoint
from bot.openai.sse import EventStream
from bot.openai.tracing import Asked, asking

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI, AsyncStream
    from openai._response import AsyncResponseContextManager
    from openai.types.chat import ChatCompletionChunk

log = logging.getLogger(__name__)

T = TypeVar("T")

Message = Mapping[str, object]
"""One of the conversation, in the protocol's own form."""

_LONGEST: Final = 3000
"""Characters of one answer, three minutes of speech: a model that repeats itself for ever is cut here."""
_MOST_ASKED: Final = 20_000
"""Characters of the tool calls of one answer: more than any tool has use for, little enough to keep."""
_DONE: Final = Delta(reason="[DONE]")
"""The last event of an answer: some servers give no other reason for its end."""
_LARGEST: Final = 1 << 20
"""Bytes of an answer that does not stream."""
_END_S: Final = 0.25
"""Once an answer has its reason to end, the connection is waited for so long: then it serves the next request too."""
_THEIR_FAULT: Final = {400, 413, 422}
"""Of what was asked, not of the server; another may still take it."""


class ModelFailed(RuntimeError):
    """A model gave no answer that can be spoken. The text holds no key."""

    def __init__(self, text: str, *, lasting: bool = False, lost: bool = False) -> None:
        """`lasting`: the next request would probably fail too. `lost`: only the connection was, try again."""
        super().__init__(text)
        self.lasting, self.lost = lasting, lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a model is asked."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, object]] = ()
    may_call: bool = True
    """False: tools are listed, as the messages tell of them, and may not be called."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Further fields of the request."""
    on_usage: Callable[[Endpoint, Usage], None] = lambda endpoint, usage: None
    """Told what an answer took, where the server counts."""


@dataclass(slots=True)
class Patience:
    """How long one reply may wait for models. Counts waiting only: a bot that is being listened to waits for nobody."""

    first_token_s: float
    between_tokens_s: float
    total_s: float
    """What is left of it."""

    async def wait(self, awaitable: Awaitable[T], limit_s: float, what: str) -> T:
        """Raises:
        ModelFailed: it took longer than `limit_s`, or than is left in all.
        """
        now_s = asyncio.get_running_loop().time
        begun_s, limit = now_s(), asyncio.timeout(max(0.0, min(limit_s, self.total_s)))
        try:
            async with limit:
                return await awaitable
        except TimeoutError as error:
            raise ModelFailed(f"no {what} in time" if limit.expired() else f"{error!r}", lasting=True) from None
        finally:
            self.total_s -= now_s() - begun_s


async def converse(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question, patience: Patience
) -> AsyncGenerator[str | tuple[ToolCall, ...], None]:
    """Yield the text of the answer as it comes and then, where the model calls tools, the calls.

    Something that can be spoken is in it, or a call. Closing this closes the connection, and the model stops.

    Raises:
        ModelFailed: see there.
    """
    with asking(endpoint) as asked:
        async with aclosing(_converse(client, endpoint, question, patience, asked)) as pieces:
            async for piece in pieces:
                yield piece


async def _converse(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question, patience: Patience, asked: Asked
) -> AsyncGenerator[str | tuple[ToolCall, ...], None]:
    calls, unspoken, spoken, reason = Calls(), "", 0, ""
    usage: Usage | None = None
    async with aclosing(_deltas(client, endpoint, question, patience, asked.headers)) as deltas:
        async for delta in deltas:
            if delta.usage:
                usage = delta.usage
            if not delta.says:
                continue
            asked.came()
            reason = reason or delta.reason
            calls.add(delta.calls)
            unspoken += delta.text
            if unspoken and (spoken or any(map(str.isalnum, unspoken))):
                spoken += len(unspoken)
                yield unspoken
                unspoken = ""
            if spoken > _LONGEST:
                log.warning("%s: an answer of more than %d characters was cut", endpoint, _LONGEST)
                return
            if len(unspoken) > _LONGEST or calls.characters > _MOST_ASKED:
                raise ModelFailed(f"{endpoint}: an answer without an end")
    if not reason:
        raise ModelFailed(f"{endpoint}: the answer broke off", lasting=True, lost=True)
    asked.ended("" if reason == _DONE.reason else reason, usage)
    if usage:
        question.on_usage(endpoint, usage)
    if calls.whole and question.may_call:
        yield calls.whole
    elif not spoken:
        raise ModelFailed(f"{endpoint}: an answer without a word")


async def _deltas(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question, patience: Patience, headers: Mapping[str, str]
) -> AsyncGenerator[Delta, None]:
    """Yield what is new in each chunk; those in which nothing is are no sign of life."""
    now_s = asyncio.get_running_loop().time
    due_s, what, ended = now_s() + patience.first_token_s, "first word", False
    async with AsyncExitStack() as stack:
        opening = stack.enter_async_context(_request(client, endpoint, question, headers))
        response = await _guarded(endpoint, patience, opening, due_s - now_s(), what)
        chunks = await stack.enter_async_context(aclosing(_chunks(response)))
        while True:
            try:
                limit_s = _END_S if ended else due_s - now_s()
                delta = await _guarded(endpoint, patience, anext(chunks, None), limit_s, what)
            except ModelFailed:
                if ended:  # all of it is there, whatever becomes of the connection
                    return
                raise
            if delta is None:
                return
            ended = ended or bool(delta.reason)
            if delta != NOTHING:
                yield delta
            if delta.says:
                due_s, what = now_s() + patience.between_tokens_s, "next word"


async def _chunks(response: "AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]") -> AsyncGenerator[Delta, None]:
    """Yield what each chunk adds.

    Raises:
        NoChunk: see there.
        ValueError: these are no events.
    """
    if "json" in response.headers.get("content-type", ""):  # the server does not stream
        body = bytearray()
        async for payload in response.iter_bytes():
            body += payload
            if len(body) > _LARGEST:
                raise NoChunk(f"an answer of more than {_LARGEST} bytes")
        whole = read(body.decode())
        yield replace(whole, reason=whole.reason or _DONE.reason)
        return
    events = EventStream()
    async for payload in response.iter_bytes():
        for data in events.feed(payload):
            yield _DONE if data.strip() == _DONE.reason else read(data)
    for data in events.end():
        yield _DONE if data.strip() == _DONE.reason else read(data)


async def _guarded(endpoint: Endpoint, patience: Patience, awaitable: Awaitable[T], limit_s: float, what: str) -> T:
    try:
        return await patience.wait(awaitable, limit_s, what)
    except ModelFailed as error:
        raise ModelFailed(f"{endpoint}: {error}", lasting=error.lasting) from None
    except Exception as error:  # the client lets through what its transport, its JSON reader and its models raise
        raise _failure(endpoint, error) from None  # tracebacks of theirs may show the key


def _request(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question, headers: Mapping[str, str]
) -> "AsyncResponseContextManager[AsyncAPIResponse[AsyncStream[ChatCompletionChunk]]]":
    # What stands in extra_body the client leaves alone; on the way through its types each message costs 0.3 ms. The
    # response is read here: the client's own reader tells no end of an answer from a connection that broke.
    counted = {"stream_options": {"include_usage": True}} if endpoint.counts else {}
    extra = {"messages": question.messages, **counted, **question.options}
    if question.tools:
        choice = question.options.get("tool_choice", "auto") if question.may_call else "none"
        extra |= {"tools": question.tools, "tool_choice": choice}
    completions = client.chat.completions.with_streaming_response
    return completions.create(model=endpoint.model, messages=(), stream=True, extra_body=extra, extra_headers=headers)


def _failure(endpoint: Endpoint, error: Exception) -> ModelFailed:
    import openai
    from httpx2 import TransportError

    text = " ".join(f"{endpoint}: {error} {error.__cause__ or ''}".replace(endpoint.key, "***").split())[:300]
    match error:
        case NoChunk():
            return ModelFailed(text)
        case openai.APIConnectionError() | TransportError():
            return ModelFailed(text, lasting=True, lost=True)
        case openai.APIStatusError():
            return ModelFailed(text, lasting=error.status_code not in _THEIR_FAULT)
    return ModelFailed(f"{text} ({type(error).__name__})")
