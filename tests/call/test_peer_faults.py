"""Faults of a peer are told in few lines, counted all, and answered."""

import asyncio
import logging

import pytest
from fakes import FakeLeg

from bridge.call.peer_faults import PeerFaults
from bridge.metrics import Metrics
from telephony.events import AudioFormat, Encoding, Malformed, Notice, Problem

MULAW = AudioFormat(Encoding.MULAW, 8000)


async def told(faults: list[Malformed | Notice]) -> tuple[FakeLeg, str]:
    leg, metrics = FakeLeg(), Metrics()
    async with asyncio.TaskGroup() as tasks:
        peer_faults = PeerFaults(leg, metrics.call("twilio", MULAW), tasks)
        for fault in faults:
            peer_faults.tell(fault)
    return leg, metrics.text().decode()


async def test_each_malformed_message_is_counted_and_answered_and_few_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    leg, metrics = await told([Malformed(f"field a: got {number}") for number in range(1000)])
    assert len(leg.of(Problem)) == 1000
    assert "bridge_malformed_messages_total" in metrics and "1000.0" in metrics
    assert len(caplog.messages) == 20
    assert caplog.messages[0] == "malformed message: field a: got 0"
    assert caplog.messages[-1] == "1000 malformed messages so far, the newest: field a: got 999"


async def test_what_the_peer_knows_already_is_counted_only(caplog: pytest.LogCaptureFixture) -> None:
    leg, metrics = await told([Malformed("audio: got 3 bytes", told=number == 0) for number in range(1000)])
    assert leg.of(Problem) == [Problem("audio: got 3 bytes")] and len(caplog.messages) == 1
    assert 'bridge_malformed_messages_total{wire="twilio"} 1000.0' in metrics


async def test_a_notice_is_for_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    leg, _ = await told([Notice("the rate is guessed")])
    assert not leg.of(Problem) and caplog.messages == ["the rate is guessed"]
