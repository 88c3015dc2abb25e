"""What the doctor asks the real machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bridge.commands.machine import ThisMachine
from bridge.server import tls
from bridge.settings import Settings


def test_the_machine_answers_and_does_not_raise() -> None:
    machine = ThisMachine()
    assert machine.clock_is_kept() in {True, False, None}
    assert machine.descriptors() > 0
    assert machine.now().tzinfo is not None
    assert "127.0.0.1" in machine.addresses("localhost")
    assert machine.addresses("no such name") == () and machine.addresses("a" * 300) == ()


@asynccontextmanager
async def secure() -> AsyncIterator[int]:
    """A TLS server whose certificate nobody knows."""
    context = await asyncio.to_thread(tls.context, Settings(generate_self_signed_cert=True))
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_port_is_free_or_taken() -> None:
    machine = ThisMachine()
    assert machine.port_trouble("127.0.0.1", 0) == ""
    async with secure() as port:
        assert "in use" in machine.port_trouble("127.0.0.1", port)
    assert machine.port_trouble("192.0.2.77", 0)


async def test_a_certificate_that_nobody_knows_is_told_and_so_is_nobody_there() -> None:
    async with secure() as port:
        assert "not trusted: self" in await asyncio.to_thread(ThisMachine().tls_trouble, "localhost", port)
    assert await asyncio.to_thread(ThisMachine().tls_trouble, "127.0.0.1", port)
