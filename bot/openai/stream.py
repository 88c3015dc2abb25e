"""One answer of a model, as it is written: text, at its end the tools to call. All that goes wrong is `ModelFailed`."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

from bot.openai.chunks import NOTHING, Calls, Delta, ToolCall, read
from bot.openai.configuration import Endpoint

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

log = logging.getLogger(__name__)

T = TypeVar("T")

Message = Mapping[str, object]
"""One of the conversation, in the protocol's own form."""

_LONGEST: Final = 3000
"""Characters of one answer, three minutes of speech: a model that repeats itself for ever is cut here."""
_MOST_ASKED: Final = 20_000
"""Characters of the tool calls of one answer: more than any tool has use for, little enough to keep."""
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
    calls, unspoken, spoken, reason = Calls(), "", 0, ""
    async with aclosing(_deltas(client, endpoint, question, patience)) as deltas:
        async for delta in deltas:
            reason = delta.reason or reason
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
    if calls.whole and question.may_call:
        yield calls.whole
    elif not spoken:
        raise ModelFailed(f"{endpoint}: an answer without a word")


async def _deltas(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question, patience: Patience
) -> AsyncGenerator[Delta, None]:
    """Yield what is new in each chunk; those in which nothing is are no sign of life."""
    now_s = asyncio.get_running_loop().time
    due_s, what = now_s() + patience.first_token_s, "first word"
    stream: AsyncStream[ChatCompletionChunk] | None = None
    try:
        stream = await _guarded(endpoint, patience, _request(client, endpoint, question), due_s - now_s(), what)
        while chunk := await _guarded(endpoint, patience, anext(stream, None), due_s - now_s(), what):
            if (delta := _read(endpoint, chunk)) != NOTHING:
                yield delta
                due_s, what = now_s() + patience.between_tokens_s, "next word"
    finally:
        if stream is not None:
            await stream.close()


async def _guarded(endpoint: Endpoint, patience: Patience, awaitable: Awaitable[T], limit_s: float, what: str) -> T:
    try:
        return await patience.wait(awaitable, limit_s, what)
    except ModelFailed as error:
        raise ModelFailed(f"{endpoint}: {error}", lasting=error.lasting) from None
    except Exception as error:  # the client lets through what its transport, its JSON reader and its models raise
        raise _failure(endpoint, error) from None  # tracebacks of theirs may show the key


def _request(
    client: "AsyncOpenAI", endpoint: Endpoint, question: Question
) -> "Awaitable[AsyncStream[ChatCompletionChunk]]":
    # What stands in extra_body the client leaves alone; on the way through its types each message costs 0.3 ms.
    extra = {"messages": question.messages, **question.options}
    if question.tools:
        extra |= {"tools": question.tools, "tool_choice": "auto" if question.may_call else "none"}
    return client.chat.completions.create(model=endpoint.model, messages=(), stream=True, extra_body=extra)


def _read(endpoint: Endpoint, chunk: "ChatCompletionChunk") -> Delta:
    try:
        return read(chunk)
    except (AttributeError, TypeError, LookupError) as error:
        raise ModelFailed(f"{endpoint}: a chunk that is none: {error}") from None


def _failure(endpoint: Endpoint, error: Exception) -> ModelFailed:
    import openai

    text = " ".join(f"{endpoint}: {error} {error.__cause__ or ''}".replace(endpoint.key, "***").split())[:300]
    match error:
        case openai.APIConnectionError():
            return ModelFailed(text, lasting=True, lost=True)
        case openai.APIStatusError():
            return ModelFailed(text, lasting=error.status_code not in _THEIR_FAULT)
    return ModelFailed(f"{text} ({type(error).__name__})")
