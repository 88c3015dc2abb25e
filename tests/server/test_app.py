"""The routes of the server, as far as they need no model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client

from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.settings import Settings


@asynccontextmanager
async def busy() -> AsyncIterator[Client]:
    """A server whose only line is taken."""
    app = make_app(Settings(max_calls=1), RESOURCES)
    async with TestClient(TestServer(app)) as client:
        with app[LINES].take():
            yield client


async def refused(client: Client) -> str:
    """Return what the metrics say of calls that were refused."""
    async with client.get("/metrics") as response:
        lines = (await response.text()).splitlines()
    return next((line for line in lines if line.startswith("bridge_calls_refused_total{")), "")


@pytest.mark.parametrize("path", ["/ws", "/talk", "/twilio/stream"])
async def test_a_call_that_finds_no_line_is_counted_once_though_it_asks_why(path: str) -> None:
    async with busy() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await client.ws_connect(path)
        assert error.value.status == 503
        async with client.get(path) as response:
            assert (response.status, await response.text()) == (503, "all 1 lines are busy, try again later\n")
            assert response.headers["Retry-After"] == "5"
        assert await refused(client) == 'bridge_calls_refused_total{reason="busy"} 1.0'


async def test_a_webhook_that_finds_no_line_is_counted() -> None:
    async with busy() as client:
        async with client.post("/twilio/voice") as response:
            assert 'reason="busy"' in await response.text()
        assert await refused(client) == 'bridge_calls_refused_total{reason="busy"} 1.0'
