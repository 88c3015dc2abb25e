"""What bots tell a tracer of what they wait for, and what they pass on."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pytest
from chat_server import Answer, ChatServer, Fault
from hook_server import HookServer, Reply

from bot.openai.configuration import Endpoint
from bot.openai.stream import ModelFailed, Patience, Question, converse
from bot.tracing import server_of, tracer
from bot.webhook.client import Client
from bot.webhook.configuration import Configuration
from bot.webhook.fault import HookFailed
from bridge.tracing.call_trace import CallTrace
from bridge.tracing.spans import EndedSpan

ASKED = Question(messages=({"role": "user", "content": "a secret"},))


@pytest.fixture
def spans() -> Iterator[list[EndedSpan]]:
    """What a call of which this test is a task has traced so far."""
    ended: list[EndedSpan] = []
    token = tracer.set(CallTrace(ended.append))
    yield ended
    tracer.reset(token)


async def pieces_of(server: ChatServer) -> AsyncGenerator[object, None]:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=server.url, api_key="key-1", max_retries=0)
    async with aclosing(
        converse(client, Endpoint(server.url, "gemma", counts=True), ASKED, Patience(0.3, 0.3, 3))
    ) as pieces:
        async for piece in pieces:
            yield piece
    await client.close()


async def test_a_model_is_a_span_by_the_conventions_and_goes_on_with_the_trace(spans: list[EndedSpan]) -> None:
    async with ChatServer([("a secret", Answer("Noon it is."))]) as server:
        assert "".join([str(piece) async for piece in pieces_of(server)]) == "Noon it is."
    [span] = spans
    assert span.name == "chat gemma"
    assert span.client
    assert dict(span.attributes) | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gemma",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 70,
        "gen_ai.usage.output_tokens": 9,
        "server.address": "127.0.0.1",
    } == dict(span.attributes)
    first = span.attributes["gen_ai.response.time_to_first_chunk"]
    assert isinstance(first, float)
    assert 0 < first < 3
    assert server.traceparents == [f"00-{span.trace_id:032x}-{span.span_id:016x}-01"]
    assert not any(secret in repr(span) for secret in ("a secret", "Noon", "key-1"))


async def test_a_model_that_fails_is_a_failed_span_and_an_answer_nobody_waits_for_is_none(
    spans: list[EndedSpan],
) -> None:
    async with ChatServer([("a secret", Answer("One two three", fault=Fault.STALL))]) as server:
        with pytest.raises(ModelFailed):
            _ = [piece async for piece in pieces_of(server)]
        async with aclosing(pieces_of(server)) as pieces:
            await anext(pieces)
    failed, left = spans
    assert (failed.error, failed.attributes["error.type"]) == ("ModelFailed", "ModelFailed")
    assert not left.error


async def test_a_hook_is_told_the_trace_and_its_status_is_noted(spans: list[EndedSpan]) -> None:
    async with HookServer([("^turn: two", Reply("no", status=500))]) as hook:
        client = Client(Configuration(url=hook.url + "?token=hush"))
        for body in (b'{"event": "turn", "text": "one"}', b'{"event": "turn", "text": "two"}'):
            try:
                async with aclosing(client.ask("r1", body)) as items:
                    _ = [item async for item in items]
            except HookFailed:
                assert body.endswith(b'"two"}')
    good, bad = spans
    assert [headers["traceparent"] for headers in hook.headers] == [
        f"00-{span.trace_id:032x}-{span.span_id:016x}-01" for span in spans
    ]
    assert (good.name, good.attributes["http.response.status_code"], good.error) == ("POST", 200, "")
    assert bad.error == "HookFailed"
    assert "hush" not in repr(spans)


async def test_without_tracing_nothing_is_passed_on() -> None:
    async with ChatServer([("a secret", Answer("Noon."))]) as server, HookServer() as hook:
        _ = [piece async for piece in pieces_of(server)]
        async with aclosing(Client(Configuration(url=hook.url)).ask("r1", b'{"event": "end"}')) as items:
            _ = [item async for item in items]
    assert server.traceparents == [""]
    assert "traceparent" not in {name.lower() for name in hook.headers[0]}


def test_of_an_address_only_the_server_is_told() -> None:
    assert server_of("https://user:key@gpu1:8443/secret?key=1") == {"server.address": "gpu1", "server.port": 8443}
    assert server_of("https://gpu1/v1") == {"server.address": "gpu1"}
    assert server_of("http://gpu1:port/v1") == server_of("http://[gpu1/v1") == {}
