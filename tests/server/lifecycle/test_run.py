"""The server as a process: what it says at its start, and what it bears."""

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import replace

import aiohttp
import pytest
from fakes import RESOURCES
from pydantic import SecretStr
from server_process import FakeServer, bare

from bridge.server.lifecycle.run import banner
from bridge.settings import Settings

pytestmark = pytest.mark.heavy

PUBLIC = "https://bot.example.com"


def shown(made: SecretStr | None = None, **options: object) -> str:
    return banner(Settings.model_validate(options), replace(RESOURCES), 8000, secure=False, made=made)


async def status(server: FakeServer, path: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}{path}") as response:
        return response.status


# ---------------------------------------------------------------- what it says


def test_the_banner_has_a_line_for_each_door() -> None:
    lines = shown(api_token="s3cret", twilio_auth_token="s3cret", public_url=PUBLIC, audiosocket_port=9092)
    assert re.search(r"^  who comes in  /, /dashboard, /web/\{name\}: everyone who reaches it$", lines, re.MULTILINE)
    assert "  /ws: who has the API token\n" in lines
    assert "  AudioSocket, port 9092: 127.0.0.0/8, ::1/128\n" in lines
    assert "s3cret" not in lines


def test_a_token_that_was_made_is_in_the_addresses_of_the_page() -> None:
    lines = shown(SecretStr("abc"), public_url=PUBLIC)
    assert "http://localhost:8000/?token=abc\n" in lines and f"{PUBLIC}/?token=abc\n" in lines
    assert "?token" not in shown(public_url=PUBLIC)


async def test_behind_a_public_url_the_printed_token_is_what_lets_in() -> None:
    async with bare("--public-url", PUBLIC) as server:
        found = re.search(r"page +(http://localhost:\d+/)\?token=(\S+)", server.said)
        assert found, server.said
        assert await status(server, "/metrics") == 401
        assert await status(server, f"/metrics?token={found[2]}") == 200
        assert await status(server, "/") == await status(server, "/healthz") == 200
    async with bare("--public-url", PUBLIC, env={"BRIDGE_API_TOKEN": "mine-alone"}) as server:
        assert await status(server, "/metrics?token=mine-alone") == 200
    assert "?token=" not in server.said and "mine-alone" not in server.said


# ---------------------------------------------------------------- what it bears


async def drip(server: FakeServer) -> float:
    """Send a head byte by byte; return the seconds until the server had enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    began = time.monotonic()
    answer = asyncio.create_task(reader.read())
    with suppress(ConnectionError):
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 1000:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait([answer], timeout=0.2)
            if done:
                break
    assert answer.done() and answer.result().startswith(b"HTTP/1.1 408 ")
    writer.close()
    return time.monotonic() - began


async def test_out_of_descriptors_it_waits_and_says_so_once_and_then_goes_on() -> None:
    async with bare("--max-connections", "5000", "--max-connections-per-address", "5000", files=80) as server:
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(150)]
        await server.says("no new connections for now")
        await asyncio.sleep(2.5)  # it tries again each second, and is out of them again
        assert server.count("no new connections for now") == 1
        assert len(server.said) < 10_000, server.said[-2000:]
        for _, writer in held:
            writer.close()
        async with asyncio.timeout(10):
            assert await status(server, "/healthz") == 200
    assert "Traceback" not in server.said


@pytest.mark.slow
async def test_a_head_that_drips_is_cut_off_after_ten_seconds() -> None:
    async with bare() as server:
        took = await asyncio.gather(*(drip(server) for _ in range(50)))
        assert all(9.5 < seconds < 12 for seconds in took)
        assert server.count("no whole request within 10 s") == 10, "ten lines a minute, however many there are"


@pytest.mark.slow
async def test_thousands_of_sockets_that_say_nothing_keep_nobody_out() -> None:
    """The attacker opens them without end, and slowly; a page is loaded and a call is begun meanwhile, all the time."""

    async def attack() -> None:
        held = []
        with suppress(asyncio.CancelledError):
            for number in range(6000):
                with suppress(OSError):
                    held.append(await asyncio.open_connection("127.0.0.2", server.port, local_addr=("127.0.0.2", 0)))
                    held[-1][1].write(b"GET / HTTP/1.1\r\n")
                if number % 50 == 0:
                    await asyncio.sleep(0.02)
        for _, writer in held:
            writer.close()

    async with bare("--host", "0.0.0.0", "--insecure") as server:
        attacker = asyncio.create_task(attack())
        for _ in range(20):
            began = time.monotonic()
            assert await status(server, "/healthz") == 200
            async with aiohttp.ClientSession() as session:
                socket = await session.ws_connect(f"ws://127.0.0.1:{server.port}/ws")
                assert (await socket.receive_json())["type"] == "session_created"
                await socket.close()
            assert time.monotonic() - began < 2
            await asyncio.sleep(0.5)
        attacker.cancel()
        await attacker
        assert "no new connections for now" not in server.said, "the limit of one address comes before the machine's"
    assert len(server.said) < 20_000
    assert server.count("connections open already") == 10
