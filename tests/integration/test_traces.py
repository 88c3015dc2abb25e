"""A call from its wire to its hook as one trace, at a collector."""

import json

import aiohttp
import pytest
from hook_server import HookServer
from integration.hearing import SLACK_S, ask
from integration.server import serve

from bridge.commands.phone.simulated_phone import dial

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is not installed")
from otlp_receiver import OtlpReceiver

CALL_SID = "CA" + "8" * 32


async def scraped(http: str, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{http}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


async def test_a_call_is_one_trace_with_the_parts_of_its_turn_and_what_its_hook_was_asked() -> None:
    with OtlpReceiver() as collector:
        async with HookServer() as hook:
            flags = ("--bot", "webhook", "--webhook-url", hook.url, "--otel-endpoint", collector.url, "--log-json")
            async with serve(*flags) as server:
                async with dial(server.twilio, call_sid=CALL_SID) as phone:
                    await ask(phone, within_s=4 + SLACK_S)
                    await phone.until_silent()
                await server.logged("call ended")
                [call] = await collector.named("call")
                answered = 'bridge_answer_seconds_count{part="heard",wire="twilio"}'
                assert await scraped(server.http, answered) == 1
                assert await scraped(server.http, 'bridge_mark_late_seconds_count{wire="twilio"}') >= 1
                [turn] = await collector.named("turn")
                logged = [json.loads(line) for line in server.output if line.startswith("{")]
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    assert (call.attributes["bridge.call_id"], call.attributes["bridge.wire"]) == (CALL_SID, "twilio")
    assert turn.parent_id == call.span_id
    assert list(turn.events)[-2:] == ["sent", "heard"]
    assert turn.began_ns <= min(turn.events.values()) <= max(turn.events.values()) <= turn.ended_ns
    told = {span.span_id: span for span in collector.spans if span.name == "POST"}
    asked = {
        headers["traceparent"].split("-")[2]: body for headers, body in zip(hook.headers, hook.bodies, strict=True)
    }
    assert told.keys() == asked.keys()
    [reply] = [told[name] for name, body in asked.items() if body["event"] == "turn"]
    assert reply.parent_id == turn.span_id
    assert {line["trace_id"] for line in logged if line.get("call_id") == CALL_SID} == {call.trace_id}
