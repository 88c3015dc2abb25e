"""A server as a process under signals: nothing is cut that need not be, and it ends when it said."""

import asyncio
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from server_process import FakeServer, bare

from bridge.commands.phone.simulated_phone import SimulatedPhone, dial
from bridge.server.tls import self_signed

pytestmark = pytest.mark.heavy


@asynccontextmanager
async def calling(server: FakeServer) -> AsyncIterator[SimulatedPhone]:
    async with dial(f"ws://127.0.0.1:{server.port}/twilio/stream") as phone:
        await server.says("call from")
        yield phone


async def status(server: FakeServer, path: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(server.http + path, headers=headers) as response:
        return response.status


async def gone(server: FakeServer, within_s: float) -> None:
    async with asyncio.timeout(within_s):
        await server.process.wait()


async def test_sigterm_lets_the_call_go_on_and_takes_no_other() -> None:
    async with bare() as server, calling(server) as phone:
        assert await status(server, "/readyz") == 200
        server.signal(signal.SIGTERM)
        await server.says("no new calls; 1 in progress go on, the process ends within 625 s")
        assert await status(server, "/readyz") == 503
        assert await status(server, "/healthz") == await status(server, "/metrics") == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with dial(f"ws://127.0.0.1:{server.port}/twilio/stream"):
                pass
        assert refused.value.status == 503
        now_ms = phone.now_ms
        await phone.until(lambda: phone.now_ms > now_ms + 500)
        now_ms = phone.now_ms
        await phone.until(lambda: phone.now_ms > now_ms + 500)
        assert not phone.closed.is_set()
        await phone.hang_up()
        await gone(server, 5)
    assert "Traceback" not in server.said


async def test_a_bot_that_is_told_of_the_drain_may_end_its_call() -> None:
    async with bare("--bot", "stuck_bots:Leaves") as server, calling(server) as phone:
        server.signal(signal.SIGTERM)
        await asyncio.wait_for(phone.closed.wait(), 10)
        await gone(server, 5)
    assert phone.record.close_code == 1000


@pytest.mark.parametrize("how", ["a second signal", "the end of the time"])
async def test_calls_that_do_not_end_are_ended_with_a_goodbye(how: str) -> None:
    flags = ["--drain-timeout", "1"] if how == "the end of the time" else []
    async with bare(*flags) as server, calling(server) as phone:
        server.signal(signal.SIGTERM)
        if not flags:
            await server.says("no new calls")
            server.signal(signal.SIGTERM)
        await asyncio.wait_for(phone.closed.wait(), 10)
        await gone(server, 5)
    assert phone.record.close_code == 1001
    assert phone.record.count("audio-heard"), "the goodbye"


async def test_ctrl_c_ends_calls_at_once() -> None:
    async with bare() as server, calling(server) as phone:
        server.signal(signal.SIGINT)
        began = time.monotonic()
        await asyncio.wait_for(phone.closed.wait(), 3)
        await gone(server, 5)
    assert phone.record.close_code == 1001 and time.monotonic() - began < 4


async def test_a_stuck_bot_does_not_put_off_the_end() -> None:
    async def end(bot: str) -> None:
        flags = ["--bot", f"stuck_bots:{bot}", "--drain-timeout", "0", "--final-timeout", "0"]
        async with bare(*flags, code=1) as server, calling(server) as phone:
            await phone.until(lambda: phone.now_ms > 500)
            began = time.monotonic()
            server.signal(signal.SIGTERM)
            if bot == "Threads":
                await phone.hang_up()
            await gone(server, 20)
            assert time.monotonic() - began < 17, "5 s for a goodbye, 2 for the sockets, 8 for the rest"
            await server.says("is cut off; threads: ")

    await asyncio.gather(*(end(bot) for bot in ("Swallows", "Threads", "Blocks")))


# ---------------------------------------------------------------- SIGHUP


async def reloaded(server: FakeServer, times: int = 1) -> None:
    server.signal(signal.SIGHUP)
    await server.says("reloaded: ", times=times)


async def test_a_token_that_was_changed_counts_after_sighup_and_one_that_is_gone_leaves_the_old(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first-token")
    async with bare("--api-token-file", str(token)) as server:
        assert await status(server, "/metrics", Authorization="Bearer first-token") == 200
        token.write_text("second-token")
        await reloaded(server)
        assert await status(server, "/metrics", Authorization="Bearer first-token") == 401
        assert await status(server, "/metrics", Authorization="Bearer second-token") == 200
        token.unlink()
        await reloaded(server, 2)
        assert await status(server, "/metrics", Authorization="Bearer second-token") == 200
    assert len(re.findall(r"ERROR.*not reloaded.*api_token_file: cannot read", server.said)) == 1
    assert "second-token" not in server.said


async def test_routes_are_read_again_for_new_calls_and_a_broken_file_leaves_the_old(tmp_path: Path) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("")
    route = '[[route]]\nname = "{}"\nwire = "twilio"\ngreeting = "hello"\n'
    async with bare("--config", str(config)) as server, calling(server) as first:
        config.write_text(route.format("sales"))
        await reloaded(server)
        async with dial(f"ws://127.0.0.1:{server.port}/twilio/stream"):
            await server.says("over twilio, route 1 (sales)")
        config.write_text(route.format("broken") + "tts = 7\n")
        await reloaded(server, 2)
        async with dial(f"ws://127.0.0.1:{server.port}/twilio/stream"):
            await server.says("over twilio, route 1 (sales)", times=2)
        assert not first.closed.is_set()
    assert re.search(r"ERROR.*not reloaded.*broken.*tts is 7", server.said)


async def test_a_certificate_is_read_again_for_new_connections(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"

    def write() -> None:
        both.write_bytes(self_signed("localhost"))

    async def shown() -> bytes:
        insecure = ssl.create_default_context()
        insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=insecure)
        certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        assert isinstance(certificate, bytes)
        return certificate

    write()
    async with bare("--ssl-certfile", str(both), "--ssl-keyfile", str(both)) as server:
        first = await shown()
        write()
        await reloaded(server)
        second = await shown()
        assert first != second
        both.write_text("no certificate")
        await reloaded(server, 2)
        assert await shown() == second
    assert len(re.findall(r"ERROR.*not reloaded.*ssl_certfile", server.said)) == 1


# ---------------------------------------------------------------- the next server


async def test_a_port_that_is_taken_and_not_handed_over_is_refused_as_ever(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match="cannot listen"):
            async with bare("--port", port, "--handover-socket", str(tmp_path / "next")):
                pass


async def test_a_next_server_that_does_not_start_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "next")
    async with bare("--handover-socket", path) as server:
        with pytest.raises(AssertionError):
            async with bare("--handover-socket", path, "--port", str(server.port), "--bot", "stuck_bots:None"):
                pass
        assert await status(server, "/readyz") == 200
        async with bare("--handover-socket", path, "--port", str(server.port)) as second:
            await gone(server, 10)
            assert await status(second, "/readyz") == 200
    assert not os.listdir(tmp_path), "no socket is left behind"


async def test_the_first_server_is_asked_for_its_health_where_it_went(tmp_path: Path) -> None:
    path = tmp_path / "next"
    async with AsyncExitStack() as both:
        server = await both.enter_async_context(bare("--handover-socket", str(path)))
        phone = await both.enter_async_context(calling(server))
        next_one = bare("--handover-socket", str(path), "--port", str(server.port))
        second = await both.enter_async_context(next_one)
        await server.says("no new calls")
        assert await status(second, "/readyz") == 200
        connector = aiohttp.UnixConnector(f"{path}.{server.process.pid}")
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://localhost/healthz") as alive,
            session.get("http://localhost/readyz") as ready,
        ):
            assert (alive.status, (await alive.json())["calls"], ready.status) == (200, 1, 503)
        now_ms = phone.now_ms
        await phone.until(lambda: phone.now_ms > now_ms + 500)
        assert not phone.closed.is_set()
        await phone.hang_up()
        await gone(server, 5)
