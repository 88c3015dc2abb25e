"""One server takes the place of another on the same port, while callers go on calling. None of them notices."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from integration.hearing import hear_out, transcribe
from integration.recordings import normal, prompt
from integration.server import Server, serve

from bridge.commands.phone.simulated_phone import dial
from bridge.speech.backends.whisper import WhisperAsr

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def place(server: Server, number: int) -> None:
    """Place one call as Twilio does, its webhook first; the bot must be heard."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.http}/twilio/voice", data={"CallSid": f"CA{number}"}) as response,
    ):
        assert "<Stream" in await response.text(), f"call {number} was refused"
    async with dial(server.twilio, call_sid=f"CA{number:032d}") as phone:
        await phone.until_heard(after_ms=0)


async def place_always(server: Server, placed: list[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """Place ten calls a second until `stop`."""
    while not stop.is_set():
        placed.append(asyncio.create_task(place(server, len(placed))))
        await asyncio.sleep(0.1)


async def test_a_next_server_on_the_same_port_loses_no_call_and_cuts_none(tmp_path: Path, ears: WhisperAsr) -> None:
    path = str(tmp_path / "next")
    placed: list[asyncio.Task[None]] = []
    stop = asyncio.Event()
    async with serve("--handover-socket", path) as first, dial(first.twilio) as running:
        await hear_out(running, after_ms=0)
        callers = asyncio.create_task(place_always(first, placed, stop))
        async with serve("--handover-socket", path, "--port", first.address.rpartition(":")[2]) as second:
            assert second.address == first.address
            await first.logged("no new calls", timeout_s=20)
            before = len(placed)
            await asyncio.sleep(1)
            stop.set()
            await callers
            await asyncio.gather(*placed)
            assert len(placed) > before + 2, "calls were placed after the hand-over, too"
            ended_ms = await running.say(prompt("conf-locked").mulaw)
            _, answer = await hear_out(running, after_ms=ended_ms)
            assert "this conference is locked" in normal(await transcribe(ears, answer))
            assert not first.process.returncode and not running.closed.is_set()
            await running.hang_up()
            async with asyncio.timeout(15):
                await first.process.wait()
    assert first.process.returncode == 0
    answered = [server.log.count("call ended") for server in (first, second)]
    assert sum(answered) == len(placed) + 1 and min(answered) > 1, answered
    assert "Traceback" not in first.log + second.log
