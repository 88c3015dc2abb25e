"""Calls over SIP to the whole bridge, models and all."""

from pathlib import Path

import aiohttp
from integration.server import serve
from integration.sip_peers import baresip, free_port, needs_baresip, needs_stack, place
from integration.test_sip_stack import spoken

pytestmark = [needs_stack, needs_baresip]


async def test_a_caller_is_greeted_understood_and_counted(tmp_path: Path) -> None:
    port = free_port()
    audio = spoken("vm-intro", after_s=6.0)
    async with serve("--log-level", "DEBUG", "--sip", "--sip-port", str(port)) as server:
        async with baresip(tmp_path, audio, dial=f"sip:4711@127.0.0.1:{port}") as phone:
            await server.logged("call from caller to 4711 over sip")
            await server.logged("caller said", "press the pound key", timeout_s=30)
            await server.logged("call ended: the other side hung up", timeout_s=30)
            await phone.end()
        async with aiohttp.ClientSession() as client, client.get(f"{server.http}/metrics") as response:
            figures = await response.text()
    assert 'bridge_calls_ended_total{fault="",wire="sip"} 1.0' in figures
    assert "bridge_sip_up 1.0" in figures
    packets = next(line for line in figures.splitlines() if line.startswith("bridge_sip_packets_total"))
    assert float(packets.split()[1]) > 100
    assert "bridge_sip_jitter_seconds_count 1.0" in figures
    assert abs(phone.heard().astype(int)).max() > 1000, "the bot was heard"
    assert place(audio[8000:16000], phone.said())[1] > 0.9
