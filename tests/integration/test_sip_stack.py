"""The SIP side of the bridge with real telephones, without models: signalling, audio, digits, and what goes wrong."""

from pathlib import Path

import numpy as np
import pytest
from integration.recordings import prompt
from integration.sip_peers import Desk, Pcm, baresip, likeness, needs_baresip, needs_stack, place, sip, spoken
from integration.sipp import needs_sipp, pcap, sipp, talk

from telephony.codec import decode, encode
from telephony.events import Encoding

pytestmark = needs_stack


def through(audio: Pcm, encoding: Encoding) -> Pcm:
    """Return what G.711 leaves of `audio`."""
    samples = encode((audio / 32768).astype(np.float32), encoding)
    return (decode(samples, encoding) * 32768).astype(np.int16)


def exact(said: Pcm, heard: Pcm) -> float:
    """Return which part of the loud fifths of a second was heard as it was said, but for a step of mu-law.

    On busy cores packets are left out: what they were in differs.
    """
    expected = through(said, Encoding.MULAW).astype(int)
    pieces = [expected[at : at + 1600] for at in range(0, len(expected) - 1600, 1600)]
    return float(np.mean([_is_in(piece, heard) for piece in pieces if np.abs(piece).mean() > 300]))


def _is_in(piece: Pcm, heard: Pcm) -> bool:
    at, _ = place(piece, heard)
    there = heard[at : at + len(piece)].astype(int)
    step = 8 + np.abs(piece) // 16  # at the border of two, encoders differ
    return len(there) == len(piece) and bool(np.mean(np.abs(there - piece) <= step) > 0.999)


@needs_baresip
async def test_a_call_is_heard_sample_by_sample_in_both_directions(tmp_path: Path) -> None:
    theirs, ours = spoken("vm-intro", after_s=4.0), spoken("demo-thanks")
    desk = Desk(say=ours.astype("<i2").tobytes())
    async with sip(desk) as (_, port), baresip(tmp_path, theirs, dial=f"sip:12345@127.0.0.1:{port}") as phone:
        taken = await desk.call()
        await taken.over.wait()
        await phone.end()
    assert (taken.started.caller, taken.started.callee) == ("caller", "12345")
    assert taken.ended == "the other side hung up"
    assert exact(theirs, np.frombuffer(taken.heard, "<i2")) > 0.5
    assert exact(ours, phone.heard()) > 0.5


def heard_by(desk: Desk) -> float:
    """Return how well the prompt was heard in the worst of all calls."""
    return min(likeness("vm-intro", taken.heard) for taken in desk.calls)


@needs_sipp
async def test_calls_over_tcp_speak_and_press_keys(tmp_path: Path) -> None:
    pcap(tmp_path / "speech.pcap", prompt("vm-intro").mulaw)
    desk = Desk(echo=True)
    async with sip(desk, sip_transports=("tcp",)) as (_, port):
        await sipp(tmp_path, talk(tmp_path / "speech.pcap", talk_ms=6500, digits="7"), port, calls=3, tcp=True)
        await desk.call(2)
        for taken in desk.calls:
            await taken.over.wait()
    assert [(taken.digits, taken.ended) for taken in desk.calls] == [("7", "the other side hung up")] * 3
    assert heard_by(desk) > 0.95


@needs_sipp
async def test_fifty_calls_at_once_speak_and_press_keys(tmp_path: Path) -> None:
    pcap(tmp_path / "speech.pcap", prompt("vm-intro").mulaw)
    desk = Desk(echo=True)
    async with sip(desk, sip_max_calls_per_second=100) as (_, port):
        await sipp(tmp_path, talk(tmp_path / "speech.pcap", talk_ms=6500, digits="15"), port, calls=50)
        await desk.call(49)
        for taken in desk.calls:
            await taken.over.wait()
    assert len(desk.calls) == 50
    assert [taken.digits for taken in desk.calls] == ["15"] * 50
    assert {taken.ended for taken in desk.calls} == {"the other side hung up"}
    assert {taken.started.parameters["X-Call-ID"] for taken in desk.calls} == {"campaign-7"}
    assert heard_by(desk) > 0.95


async def test_a_port_that_is_taken_is_told_at_the_start() -> None:
    async with sip(Desk()) as (_, port):
        with pytest.raises(OSError, match=f"SIP on 127.0.0.1:{port}"):
            async with sip(Desk(), sip_port=port):
                pass
