"""Calls over SIP to the whole bridge, models and all."""

import os
import signal
from pathlib import Path

import aiohttp
from integration.server import serve
from integration.sip_peers import PROCESS, baresip, fit, free_port, needs_baresip, needs_stack, spoken, until

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
    assert fit(audio, phone.said()) > 0.9


async def test_calls_of_a_stack_that_was_killed_are_faults_of_ours_and_the_next_one_is_answered(tmp_path: Path) -> None:
    port = free_port()
    audio = spoken("vm-intro", after_s=6.0)
    async with serve("--log-level", "DEBUG", "--sip", "--sip-port", str(port)) as server:
        async with baresip(tmp_path / "1", audio, dial=f"sip:1@127.0.0.1:{port}"):
            await server.logged("call from caller to 1 over sip")
            [stack] = stacks(server.process.pid)
            os.kill(stack, signal.SIGKILL)
            await server.logged("call ended: the SIP process died", timeout_s=20)
        await server.logged("the SIP process is back", timeout_s=30)
        await until(lambda: stacks(server.process.pid) not in ([], [stack]), "another process")
        async with baresip(tmp_path / "2", audio, dial=f"sip:2@127.0.0.1:{port}"):
            await server.logged("caller said", "press the pound key", timeout_s=40)
        async with aiohttp.ClientSession() as client, client.get(f"{server.http}/metrics") as response:
            figures = await response.text()
    assert 'bridge_calls_ended_total{fault="ours",wire="sip"} 1.0' in figures
    assert "bridge_sip_restarts_total 1.0" in figures
    assert "bridge_sip_up 1.0" in figures


def stacks(server: int) -> list[int]:
    """Return the processes in which a server runs its SIP stack."""
    children = Path(f"/proc/{server}/task").glob("*/children")
    found = {int(pid) for path in children for pid in path.read_text().split()}
    return [pid for pid in found if PROCESS[-1].encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]
