"""A bot that blocks the event loop, in a server of its own: no other call ends by it."""

import asyncio
import os
import signal

import aiohttp
from integration.sip_peers import Desk, needs_stack, sip, until
from integration.wire_peers import SILENCE, TONE, Peer, connect, packet
from server_process import serving
from wires import text

KEY = text(event="dtmf", streamSid="MZ1", dtmf={"track": "inbound_track", "digit": "1"})
BLOCKING = ("--bot", "fakes:BlockingBot", "--vad", "fakes:LoudnessVads", "--no-input-timeout", "0", "--denoiser", "off")


async def speak(peer: Peer, *, seconds: float) -> None:
    """Send silence in real time, and half a second of tone at its end."""
    count = round(seconds * 50)
    for number in range(1, count + 100):
        await peer.send(packet("twilio", number, TONE if count - 25 < number <= count else SILENCE))
        await asyncio.sleep(0.02)


async def test_a_bot_that_blocks_the_loop_for_six_seconds_ends_no_call_and_is_named() -> None:
    async with serving(*BLOCKING) as server, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}"
        blocking, other = [await connect("twilio", url=url, session=session, audiosocket_port=0) for _ in range(2)]
        async with asyncio.timeout(30), asyncio.TaskGroup() as speaking:
            speaking.create_task(speak(blocking, seconds=9))
            speaking.create_task(speak(other, seconds=9))
            await asyncio.sleep(1)
            await blocking.send(KEY)
            while not (await other.listen()).any():
                pass
        assert not server.count("call ended"), server.said
        assert server.said.count("time.sleep(6)") == 1, "other work on the machine may hold the loop up, too"


@needs_stack
async def test_a_frozen_sip_process_is_killed_and_started_again() -> None:
    async with sip(Desk()) as (link, _):
        frozen = link.pid
        assert frozen
        os.kill(frozen, signal.SIGSTOP)
        async with asyncio.timeout(25):
            while link.pid == frozen:  # noqa: ASYNC110 - another process does it, and has no event of ours
                await asyncio.sleep(0.1)
        await until(lambda: link.ready, "started again")
