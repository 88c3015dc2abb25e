"""Callers behind networks that hold packets back, swap, lose and repeat them, against the real stack."""

import asyncio
import random
import socket
from collections.abc import Iterator

import numpy as np
import pytest
from integration.by_hand import opened
from integration.called_by_hand import arrived, called
from integration.recordings import prompt, word_error_rate
from integration.rtp_source import RtpSource
from integration.sip_peers import Desk, needs_stack, sip

from bridge.legs.sip.media.resample import Shape
from bridge.speech.api import Request
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = needs_stack

PROMPT = prompt("vm-intro")
SPEECH = PROMPT.mulaw


@pytest.fixture
def wire() -> Iterator[socket.socket]:
    with opened() as ours:
        yield ours


@pytest.mark.parametrize(
    ("burst", "calm"),
    [(3, 0), (5, 0), (10, 0), (5, 20), (10, 20)],
    ids=lambda packets: f"{packets * 20} ms",
)
async def test_speech_in_bursts_arrives_whole_and_is_understood(
    burst: int, calm: int, wire: socket.socket, ears: WhisperAsr
) -> None:
    desk = Desk()
    with RtpSource.at("127.0.0.1") as phone:
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            await phone.say(call.rtp, SPEECH, burst=burst, calm=calm)
            await asyncio.sleep(0.2)  # what is on its way
    assert arrived(SPEECH, call.taken.heard) > 0.99
    assert "bridge_sip_thrown_away_ms_total 0.0" in desk.measured
    audio = np.frombuffer(Shape(8000, 1, 16_000, 1)(bytes(call.taken.heard)), "<i2").astype(np.float32) / np.float32(
        32768
    )
    text = (await ears.decode(Request(audio, language="English", final=True))).text
    assert word_error_rate([PROMPT.text], [text]) <= 0.35, f"of a calm line it is 0.2: {text}"


async def test_a_calm_line_is_heard_sample_by_sample(wire: socket.socket) -> None:
    desk = Desk()
    with RtpSource.at("127.0.0.1") as phone:
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            await phone.say(call.rtp, SPEECH)
            await asyncio.sleep(0.2)  # what is on its way
    assert arrived(SPEECH, call.taken.heard) > 0.99


async def test_packets_that_overtake_each_other_and_come_twice_are_put_in_order(wire: socket.socket) -> None:
    chance, desk = random.Random(1), Desk()
    with RtpSource.at("127.0.0.1") as phone:
        packets = [phone.packet(payload=SPEECH[at : at + 160]) for at in range(0, len(SPEECH) - 160, 160)]
        sent = sorted((20 * number + chance.uniform(0, 35), packet) for number, packet in enumerate(packets))
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            clock_s = asyncio.get_running_loop().time
            began_s = clock_s()
            for at_ms, packet in sent:
                await asyncio.sleep(max(0.0, began_s + at_ms / 1000 - clock_s()))
                for _ in range(1 + (chance.random() < 0.1)):
                    phone.put(call.rtp, packet)
            await asyncio.sleep(0.2)  # what is on its way
    assert arrived(SPEECH, call.taken.heard) > 0.98
    heard_ms = len(call.taken.heard) // 16 - call.taken.concealed_ms
    assert heard_ms <= len(packets) * 20, "what came twice is heard once"


async def test_a_lost_packet_costs_itself_alone(wire: socket.socket) -> None:
    desk = Desk()
    with RtpSource.at("127.0.0.1") as phone:
        async with sip(desk) as (_, port), called(wire, desk, port, media=phone.port) as call:
            lost = 0
            for number, at in enumerate(range(0, len(SPEECH) - 160, 160)):
                packet = phone.packet(payload=SPEECH[at : at + 160])
                if number % 20 == 7:
                    lost += 1
                else:
                    phone.put(call.rtp, packet)
                await asyncio.sleep(0.02)  # the pace of RTP
            await asyncio.sleep(0.2)  # what is on its way
    assert lost > 5 and arrived(SPEECH, call.taken.heard) > 0.92
