"""The SIP side of the bridge with real telephones, without models: signalling, audio, digits, and what goes wrong."""

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from integration.recordings import prompt
from integration.sip_peers import (
    Desk,
    Pcm,
    baresip,
    hang_up_at_once,
    needs_baresip,
    needs_sipp,
    needs_stack,
    pcap,
    place,
    sip,
    sipp,
    talk,
    until,
)

from telephony.codec import decode, encode
from telephony.events import Encoding

pytestmark = needs_stack


def spoken(name: str, *, after_s: float = 0.0) -> Pcm:
    """Return a prompt, 8 kHz, and silence after it."""
    audio = (prompt(name).audio * 32767).astype(np.int16)
    return np.concatenate((audio, np.zeros(int(after_s * 8000), np.int16)))


def through(audio: Pcm, encoding: Encoding) -> Pcm:
    """Return what G.711 leaves of `audio`."""
    samples = encode((audio / 32768).astype(np.float32), encoding)
    return (decode(samples, encoding) * 32768).astype(np.int16)


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
    for said, heard in ((theirs[:-32000], np.frombuffer(taken.heard, "<i2")), (ours, phone.heard())):
        expected = through(said, Encoding.MULAW)
        at, fit = place(expected, heard)
        assert fit > 0.999
        step = 8 + np.abs(expected.astype(int)) // 16  # of mu-law: at the border of two, encoders differ
        same = np.mean(np.abs(heard[at : at + len(expected)].astype(int) - expected) <= step)
        assert same > 0.999, "what differs is more than a step of the codec"


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
    said = (decode(prompt("vm-intro").mulaw, Encoding.MULAW) * 32768).astype(np.int16)[8000:32000]
    for taken in desk.calls:
        heard = np.frombuffer(taken.heard, "<i2")
        fits = [place(said[at : at + 4000], heard)[1] for at in range(0, len(said), 4000)]
        assert np.median(fits) > 0.95  # on busy cores sipp leaves packets out, and what follows is heard later


@needs_sipp
async def test_a_caller_who_hangs_up_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    desk = Desk()
    async with sip(desk) as (link, port):
        await sipp(tmp_path, hang_up_at_once(), port, calls=5, rate=5)
        await until(lambda: not desk.lines.taken, "all lines free")
        assert len(desk.calls) + len(desk.failed) == 5
        assert link.ready


@needs_baresip
async def test_the_process_dies_and_its_calls_end_by_fault_and_new_ones_are_taken(tmp_path: Path) -> None:
    audio = spoken("vm-intro", after_s=10.0)
    desk = Desk()
    async with sip(desk) as (link, port):
        async with baresip(tmp_path / "1", audio, dial=f"sip:1@127.0.0.1:{port}"):
            taken = await desk.call()
            assert link.pid
            os.kill(link.pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                await taken.over.wait()
            assert taken.ended.startswith("lost: the SIP process died")
        await until(lambda: link.ready, "started again")
        async with baresip(tmp_path / "2", audio, dial=f"sip:1@127.0.0.1:{port}"):
            assert (await desk.call(1)).started.callee == "1"


async def test_a_port_that_is_taken_is_told_at_the_start() -> None:
    async with sip(Desk()) as (_, port):
        with pytest.raises(OSError, match=f"SIP on 127.0.0.1:{port}"):
            async with sip(Desk(), sip_port=port):
                pass
