"""Clients beside calls, and what becomes of new ones while finals wait: a server with an engine that is too slow."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from integration.wire_peers import SILENCE, TONE, Peer, connect, packet
from server_process import FakeServer, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ELSEWHERE = "https://other.example.com/twilio/voice"
FLAGS = (
    *("--asr", "fakes:SlowAsr", "--vad", "fakes:LoudnessVads", "--no-input-timeout", "0"),
    *("--max-calls", "4", "--max-clients", "3", "--client-idle-timeout", "2"),
    *("--load-final-wait", "0.5", "--busy-redirect", ELSEWHERE),
)
BUSY = 503
IDLE = "call ended: no audio for 2 s"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[FakeServer]:
    async with serving(*FLAGS) as server:
        yield server


async def speak(peer: Peer) -> None:
    """Say half a second and be silent for half a second, in real time, again and again."""
    for number in range(1, 100_000):
        await peer.send(packet("twilio", number, TONE if number % 50 < 25 else SILENCE))
        await asyncio.sleep(0.02)


async def phone(server: FakeServer, session: aiohttp.ClientSession) -> Peer:
    return await connect("twilio", url=server.http, session=session, audiosocket_port=0)


async def test_start_up_says_the_limits(server: FakeServer) -> None:
    assert "limits        4 calls, 3 clients (closed after 2 s without audio)" in server.said
    assert "new ones are refused at finals that wait 0.5 s or an event loop 0.25 s late" in server.said


@pytest.mark.parametrize("path", ["/ws", "/talk"])
async def test_silent_clients_leave_the_lines_of_calls_free_and_are_closed_with_the_reason(
    server: FakeServer, path: str
) -> None:
    async with aiohttp.ClientSession() as session:
        await _silent(server, session, path)


async def _silent(server: FakeServer, session: aiohttp.ClientSession, path: str) -> None:
    before = server.count(IDLE)
    clients = [await session.ws_connect(f"{server.http}{path}") for _ in range(3)]
    for client in clients:
        await client.send_json({"type": "config"})
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await session.ws_connect(f"{server.http}{path}")
    assert refused.value.status == BUSY
    call = await phone(server, session)
    await call.send(packet("twilio", 1))
    for client in clients:
        messages = [message async for message in client if message.type is aiohttp.WSMsgType.TEXT]
        assert [json.loads(message.data)["type"] for message in messages] == ["session_created"]
        assert client.close_code == aiohttp.WSCloseCode.OK
    await server.says(IDLE, times=before + len(clients))
    await call.close()


async def test_new_ones_are_refused_in_the_words_of_their_wire_while_finals_wait_and_calls_go_on(
    server: FakeServer,
) -> None:
    async with aiohttp.ClientSession() as session:
        callers = [await phone(server, session) for _ in range(3)]
        await _overloaded(server, session, callers)


async def _overloaded(server: FakeServer, session: aiohttp.ClientSession, callers: list[Peer]) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as speaking:
        tasks = [speaking.create_task(speak(caller)) for caller in callers]
        await server.says(
            "load of calls: nobody is denoised, there are no partials, and new ones are refused", timeout_s=40
        )
        assert server.count("load of calls: nobody is denoised (") == 1
        assert server.count("load of calls: nobody is denoised, and there are no partials (") == 1
        for path in "/ws", "/talk", "/jambonz":
            async with session.get(f"{server.http}{path}") as response:
                assert (response.status, response.headers["Retry-After"]) == (BUSY, "5"), path
        async with session.post(f"{server.http}/twilio/voice") as response:
            assert f"<Redirect>{ELSEWHERE}</Redirect>" in await response.text()
        async with session.get(f"{server.http}/metrics") as response:
            metrics = await response.text()
        assert 'bridge_load_step{lines="calls"} 3.0' in metrics
        assert 'bridge_calls_refused_total{reason="load"}' in metrics
        assert 'bridge_calls{wire="twilio"} 3.0' in metrics
        for task in tasks:
            task.cancel()
    for caller in callers:
        await caller.close()
