"""Calls that the whole bridge places over SIP, models and all, and who answers them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.by_hand import asked, opened, reply
from integration.recordings import normal
from integration.server import Server, serve
from integration.sip_peers import Pcm, baresip, free_port, needs_baresip, needs_stack, spoken

from bot.tts.hibari import HibariTts
from bridge.cli import main
from bridge.speech.api import Request, Samples
from bridge.speech.backends.whisper import WhisperAsr
from bridge.speech.resample import resample_whole

pytestmark = [pytest.mark.asyncio(loop_scope="session"), needs_stack, needs_baresip]

RATE = 8000
MESSAGE = "This is the library. Your book has arrived."
GREETING = "Hello, this is Peter Miller. I cannot take your call at the moment. Please leave a message after the tone."


def sound(pcm: Pcm) -> Samples:
    return resample_whole((pcm / 32768).astype(np.float32), RATE, 16_000)


async def said(text: str) -> Pcm:
    """Return `text` in the voice of the project, as a telephone has it."""
    voice = await asyncio.to_thread(HibariTts.load)
    try:
        parts = [part async for part in voice.speak(text)]
    finally:
        voice.close()
    return (resample_whole(np.concatenate(parts), voice.sample_rate, RATE) * 32767).astype(np.int16)


def silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * RATE), np.int16)


def beep(seconds: float = 0.5) -> Pcm:
    return (8000 * np.sin(2 * np.pi * 1000 * np.arange(int(seconds * RATE)) / RATE)).astype(np.int16)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bridge() -> AsyncIterator[Server]:
    """A bridge that leaves a message on machines and may call whoever is on this machine."""
    flags = ("--sip", "--sip-port", str(free_port()), "--dial-allow", "sip:*@127.0.0.1:*", "--log-level", "DEBUG")
    machine = ("--machine-detection", "message", "--machine-message", MESSAGE)
    async with serve(*flags, *machine, "--greeting", "Good morning. Is this a good time?") as server:
        yield server


async def ended(server: Server, call: str) -> Mapping[str, object]:
    """Return what the server says of a call once it is over."""
    async with aiohttp.ClientSession() as client, asyncio.timeout(90):
        while True:
            async with client.get(f"{server.http}/calls/{call}") as response:
                state: dict[str, object] = await response.json()
            if state["status"] == "ended":
                return state
            await asyncio.sleep(0.1)


@asynccontextmanager
async def called(server: Server, to: str) -> AsyncIterator[str]:
    """Have the server call `to`; yield the call's id."""
    async with aiohttp.ClientSession() as client, client.post(f"{server.http}/calls", json={"to": to}) as response:
        assert response.status == 202, await response.text()
        yield (await response.json())["call_id"]


async def test_a_machine_gets_the_message_after_its_beep(bridge: Server, ears: WhisperAsr, tmp_path: Path) -> None:
    greeting = await said(GREETING)
    tape = np.concatenate((silence(1.0), greeting, silence(0.6), beep(), silence(30)))
    port = free_port()
    async with baresip(tmp_path, tape, RATE, listen=port, user="peter") as machine:
        async with called(bridge, f"sip:peter@127.0.0.1:{port}") as call:
            state = await ended(bridge, call)
        await machine.end()
    assert (state["answered_by"], state["outcome"]) == ("machine", "completed"), state
    assert state["reason"] == "a message was left"
    heard, ours = machine.heard(), machine.said()
    loud = np.flatnonzero(np.abs(heard.astype(int)) > 500)
    beeped = np.flatnonzero(np.abs(ours.astype(int)) > 500)[-1]  # its last sound; both recordings begin together
    assert loud[0] > beeped - RATE // 5, "nothing was said before the beep was over"
    left = await ears.decode(Request(sound(heard[loud[0] - 800 :])[: 28 * 16_000], final=True))
    assert normal(left.text) == normal(MESSAGE)


async def test_a_person_who_says_hello_is_greeted_and_talks(bridge: Server, ears: WhisperAsr, tmp_path: Path) -> None:
    hello = await said("Hello?")
    question = spoken("vm-intro")[: 4 * RATE]
    line = np.concatenate((silence(1.0), hello, silence(9.0), question, silence(8.0)))
    port = free_port()
    async with baresip(tmp_path, line, RATE, listen=port, user="anna") as phone:
        async with called(bridge, f"sip:anna@127.0.0.1:{port}") as call:
            state = await ended(bridge, call)
        await phone.end()
    assert (state["answered_by"], state["outcome"]) == ("human", "completed"), state
    heard = phone.heard()
    text = await ears.decode(Request(sound(heard[: 8 * RATE]), final=True))
    assert "good morning" in normal(text.text)
    assert np.abs(heard[len(silence(1.0)) + len(hello) + 14 * RATE :].astype(int)).max() > 1000, "and answered"


async def test_the_command_says_what_became_of_a_call(bridge: Server, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--url", bridge.http, "--wait")
    with opened() as desk:
        command = ["dial", f"sip:nobody@127.0.0.1:{desk.getsockname()[1]}", *flags]
        dialling = asyncio.create_task(asyncio.to_thread(main, command))
        told, source = await asked(desk, "INVITE")
        desk.sendto(reply(told, "404 Not Found"), source)
        assert await dialling == 1
    out = capsys.readouterr().out.splitlines()
    assert out[-1].startswith("ended, ") and "404" in out[-1], out
    assert await asyncio.to_thread(main, ["dial", "+1900123456", *flags]) == 1
    assert "--dial-allow" in capsys.readouterr().err
