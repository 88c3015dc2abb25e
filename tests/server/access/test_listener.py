"""The port: taken early, opened late, and closed to those who are too many."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from fakes import RESOURCES, FakeClock

from bridge.admission.refusals import Refusals
from bridge.metrics import Metrics
from bridge.server import tls
from bridge.server.access import listener
from bridge.server.access.connections import Connections
from bridge.server.access.in_force import InForce
from bridge.server.access.middleware import doorkeeper
from bridge.server.app import make_app
from bridge.server.app_keys import CONNECTIONS, METRICS
from bridge.server.lifecycle.server import make_runner
from bridge.settings import Settings


@asynccontextmanager
async def bridge(
    tls_context: ssl.SSLContext | None = None, **options: object
) -> AsyncIterator[tuple[int, web.Application]]:
    app = make_app(Settings.model_validate(options), RESOURCES)
    runner = make_runner(app, drain_s=1)
    await runner.setup()
    assert runner.server
    sockets = await listener.bind("127.0.0.1", 0)
    try:
        async with listener.Listener(sockets, runner.server, app[CONNECTIONS], tls=tls_context):
            yield sockets[0].getsockname()[1], app
    finally:
        await runner.cleanup()


async def get(port: int, *, secure: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=secure)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


# ---------------------------------------------------------------- binding


async def test_a_port_that_is_taken_is_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1, port {port}: address already in use") as error:
            await listener.bind("127.0.0.1", port)
    assert error.value.errno == errno.EADDRINUSE


async def test_a_bound_port_is_not_open_yet() -> None:
    sockets = await listener.bind("127.0.0.1", 0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*sockets[0].getsockname())
    listener.close(sockets)


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.77, port 0: cannot assign"):
        await listener.bind("192.0.2.77", 0)


async def test_a_name_with_several_addresses_has_one_port() -> None:
    sockets = await listener.bind("localhost", 0)
    assert len({one.getsockname()[1] for one in sockets}) == 1
    listener.close(sockets)


async def test_sockets_serve_the_host_and_port_that_they_are_bound_to() -> None:
    sockets = await listener.bind("127.0.0.1", 0)
    port = sockets[0].getsockname()[1]
    assert await listener.serves(sockets, "127.0.0.1", port) and await listener.serves(sockets, "127.0.0.1", 0)
    assert not await listener.serves(sockets, "127.0.0.1", port - 1)
    assert not await listener.serves(sockets, "127.0.0.2", port)
    assert not await listener.serves([], "127.0.0.1", port)
    listener.close(sockets)


# ---------------------------------------------------------------- taking connections


async def test_a_port_that_is_given_up_goes_on_with_another_and_no_connection_falls_between() -> None:
    """Connections are opened all the time, over the same sockets in the kernel."""

    async def answered() -> bool:
        return b" 200 OK" in await get(port)

    app = make_app(Settings(), RESOURCES)
    runner = make_runner(app, drain_s=1)
    await runner.setup()
    assert runner.server
    first = await listener.bind("127.0.0.1", 0)
    second, port = [one.dup() for one in first], first[0].getsockname()[1]
    for one in second:
        one.setblocking(False)
    async with listener.Listener(first, runner.server, app[CONNECTIONS]) as old:
        asked = [asyncio.create_task(answered()) for _ in range(20)]
        await asyncio.sleep(0)
        async with listener.Listener(second, runner.server, app[CONNECTIONS]):
            asked += [asyncio.create_task(answered()) for _ in range(20)]
            await old.give_up()
            asked += [asyncio.create_task(answered()) for _ in range(20)]
            assert all(await asyncio.gather(*asked))
    await runner.cleanup()


async def test_a_server_that_keeps_no_connections_closes_idle_ones_and_each_after_its_answer() -> None:
    async with bridge() as (port, app):
        idle, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 OK" in await idle.readuntil(b"}")
        app[CONNECTIONS].keep_none()
        assert await asyncio.wait_for(idle.read(), 5) == b""
        other, again = await asyncio.open_connection("127.0.0.1", port)
        again.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await asyncio.wait_for(other.read(), 5)
        assert b" 200 OK" in answer and b"Connection: close" in answer
        writer.close()
        again.close()


async def test_requests_are_answered_and_a_call_goes_through() -> None:
    async with bridge() as (port, _):
        assert b" 200 OK" in await get(port)
        assert b" 200 OK" in await get(port)


async def test_over_tls_too() -> None:
    context = await asyncio.to_thread(tls.context, Settings(generate_self_signed_cert=True))
    async with bridge(context) as (port, _):
        assert b" 200 OK" in await get(port, secure=trusting())
        with pytest.raises(ConnectionError):
            assert not await get(port)  # no TLS: closed
            raise ConnectionResetError
        assert b" 200 OK" in await get(port, secure=trusting())


async def test_who_is_one_too_many_hears_so_and_others_go_on() -> None:
    async with bridge(max_connections=5) as (port, app):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        assert (await get(port)).startswith(b"HTTP/1.1 503 ")
        held[0][1].write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 OK" in await held[0][0].readline()
        assert 'reason="connections"' in app[METRICS].text().decode()
        for _, writer in held:
            writer.close()


async def test_one_address_takes_no_more_than_its_share() -> None:
    async with bridge(max_connections=50, max_connections_per_address=2) as (port, _):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert (await get(port)).startswith(b"HTTP/1.1 503 ")
        held[0][1].close()
        await held[0][1].wait_closed()
        async with asyncio.timeout(5):
            while b" 200 OK" not in await get(port):  # the server hears of the end by and by
                pass
        held[1][1].close()


@pytest.mark.parametrize("secure", [False, True])
async def test_a_slow_head_and_a_slow_handshake_are_cut_off(secure: bool) -> None:
    context = await asyncio.to_thread(tls.context, Settings(generate_self_signed_cert=True)) if secure else None
    metrics = Metrics()
    connections = Connections(Refusals(metrics.kept_out), limit=5, per_address=5, head_s=0.1)
    sockets = await listener.bind("127.0.0.1", 0)
    async with listener.Listener(sockets, asyncio.Protocol, connections, tls=context):
        reader, writer = await asyncio.open_connection(*sockets[0].getsockname())
        writer.write(b"\x16\x03\x01\x02\x00" if secure else b"GET / HT")
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
    assert b'reason="slow"} 1.0' in metrics.text()


async def test_an_answer_that_takes_longer_than_a_head_may_is_not_cut_off() -> None:
    refusals = Refusals(Metrics().kept_out)
    connections = Connections(refusals, limit=5, per_address=5, head_s=0.1)

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text="at last")

    app = web.Application(middlewares=[doorkeeper(InForce(Settings()), refusals, connections)])
    app.router.add_get("/healthz", slow)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server
    sockets = await listener.bind("127.0.0.1", 0)
    async with listener.Listener(sockets, runner.server, connections):
        assert b"at last" in await get(sockets[0].getsockname()[1])
    await runner.cleanup()


# ---------------------------------------------------------------- a machine with nothing left


def test_scarcity_is_told_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    scarcity, out = listener.Scarcity(clock=clock), OSError(errno.EMFILE, "Too many open files")
    for _ in range(1000):
        scarcity.tell(out)
        clock.advance(0.01)
    assert len(caplog.records) == 1
    clock.advance(1.0)
    scarcity.tell(out)
    assert len(caplog.records) == 2
    assert "Too many open files" in caplog.text and "ulimit -n" in caplog.text


async def test_asyncios_own_servers_flood_no_log_and_other_faults_are_told(caplog: pytest.LogCaptureFixture) -> None:
    loop, scarcity = asyncio.get_running_loop(), listener.Scarcity(clock=FakeClock())
    context: dict[str, Any] = {"exception": OSError(errno.EMFILE, "Too many open files")}
    for _ in range(100):
        scarcity.handle(loop, context | {"message": "socket.accept() out of system resource"})
    assert len(caplog.records) == 1
    scarcity.handle(loop, {"message": "something else"})
    assert "something else" in caplog.text
