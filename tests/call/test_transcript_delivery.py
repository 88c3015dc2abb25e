"""Who is told what the caller says. With a bot: test_session.py."""

import asyncio

import pytest
from fakes import PHONE, TEXT_ONLY, FakeLeg, nobody

from bot.api import Final, Partial
from bridge.call.transcript_delivery import TranscriptDelivery
from bridge.metrics import Metrics
from telephony.events import AudioFormat, Capabilities, Encoding, Problem, Transcript

MULAW = AudioFormat(Encoding.MULAW, 8000)


@pytest.mark.parametrize(
    ("capabilities", "partials", "told"),
    [(TEXT_ONLY, True, [False, True]), (TEXT_ONLY, False, [True]), (PHONE, True, [])],
)
async def test_a_client_gets_the_text_it_wants(capabilities: Capabilities, partials: bool, told: list[bool]) -> None:
    leg, metrics = FakeLeg(capabilities), Metrics()
    delivery = TranscriptDelivery(leg, nobody(), metrics.call("test", MULAW), asyncio.TaskGroup(), partials=partials)
    await delivery.partial(Partial("wear", "English"))
    await delivery.final(Final("where", "English", 0, 500), owed=False)
    assert [transcript.final for transcript in leg.of(Transcript)] == told
    assert {transcript.text for transcript in leg.of(Transcript) if transcript.final} <= {"where"}
    for count in (b"bridge_partials_total", b"bridge_finals_total"):
        assert count + b'{wire="test"} 1.0' in metrics.text()


@pytest.mark.parametrize(
    ("capabilities", "partials", "told"),
    [(TEXT_ONLY, True, ["wear", ""]), (TEXT_ONLY, False, []), (PHONE, True, [])],
)
async def test_what_was_shown_and_is_nothing_is_taken_back_once(
    capabilities: Capabilities, partials: bool, told: list[str]
) -> None:
    leg, metrics = FakeLeg(capabilities), Metrics()
    delivery = TranscriptDelivery(leg, nobody(), metrics.call("test", MULAW), asyncio.TaskGroup(), partials=partials)
    await delivery.partial(Partial("wear", "English"))
    for _ in range(2):
        await delivery.final(Final("", "", 0, 500), owed=False)
    await delivery.end()
    assert [transcript.text for transcript in leg.of(Transcript)] == told
    assert f'bridge_partials_taken_back_total{{wire="test"}} {float(len(told) == 2)}'.encode() in metrics.text()
    assert b'bridge_finals_total{wire="test"} 0.0' in metrics.text()


async def test_who_asked_for_a_final_gets_it_though_nothing_was_shown() -> None:
    leg = FakeLeg(TEXT_ONLY)
    delivery = TranscriptDelivery(leg, nobody(), Metrics().call("test", MULAW), asyncio.TaskGroup(), partials=True)
    await delivery.final(Final("", "", 0, 500), owed=True)
    assert [(transcript.text, transcript.final) for transcript in leg.of(Transcript)] == [("", True)]


async def test_what_the_end_of_the_call_leaves_open_is_closed_and_said() -> None:
    leg = FakeLeg(TEXT_ONLY)
    delivery = TranscriptDelivery(leg, nobody(), Metrics().call("test", MULAW), asyncio.TaskGroup(), partials=True)
    await delivery.partial(Partial("wear", "English"))
    for _ in range(2):
        await delivery.end()
    assert [transcript.text for transcript in leg.of(Transcript)] == ["wear", ""]
    assert leg.of(Problem) == [Problem("the call ended before its last words were recognised")]


async def test_a_final_that_is_lost_is_counted_and_said() -> None:
    leg, metrics = FakeLeg(TEXT_ONLY), Metrics()
    delivery = TranscriptDelivery(leg, nobody(), metrics.call("test", MULAW), asyncio.TaskGroup(), partials=True)
    await delivery.lost("every engine is down")
    assert leg.of(Problem) == [Problem("the recogniser failed: every engine is down")]
    assert b'bridge_finals_lost_total{wire="test"} 1.0' in metrics.text()
