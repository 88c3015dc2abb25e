"""The routes of the server, as far as they need no model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from pydantic import SecretStr

from bridge.admission.load import Step
from bridge.server.app import make_app
from bridge.server.app_keys import LINES, LOAD
from bridge.settings import Settings
from bridge.speech.api import Standing


@asynccontextmanager
async def busy(busy_redirect: str = "") -> AsyncIterator[Client]:
    """A server whose only lines, of calls and of clients, are taken."""
    app = make_app(Settings(max_calls=1, max_clients=1, busy_redirect=busy_redirect), RESOURCES)
    async with TestClient(TestServer(app)) as client:
        with app[LINES].take(), app[LINES].take_client(address="192.0.2.1"):
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
            what = "" if path == "/twilio/stream" else " for clients"
            assert (response.status, await response.text()) == (503, f"all 1 lines{what} are busy, try again later\n")
            assert response.headers["Retry-After"] == "5"
        assert await refused(client) == 'bridge_calls_refused_total{reason="busy"} 1.0'


async def test_a_webhook_that_finds_no_line_is_counted() -> None:
    async with busy() as client:
        async with client.post("/twilio/voice") as response:
            assert 'reason="busy"' in await response.text()
        assert await refused(client) == 'bridge_calls_refused_total{reason="busy"} 1.0'


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, 'reason="busy"'),
        ({"busy_redirect": "https://other.example.com/voice"}, ">https://other.example.com/voice<"),
    ],
)
async def test_a_caller_who_finds_no_line_hears_busy_or_is_sent_elsewhere(options: dict[str, str], answer: str) -> None:
    async with busy(**options) as client, client.post("/twilio/voice") as response:
        assert (response.status, answer in await response.text()) == (200, True)


async def test_a_hundred_silent_clients_take_no_line_of_a_call() -> None:
    app = make_app(Settings(max_calls=1, max_clients=3), RESOURCES)
    async with TestClient(TestServer(app)) as client:
        held = [await client.ws_connect("/ws") for _ in range(3)]
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await client.ws_connect("/talk")
        assert error.value.status == 503
        async with client.ws_connect("/twilio/stream") as call:
            assert not call.closed
        for socket in held:
            await socket.close()


async def test_new_calls_are_refused_while_finals_wait_and_those_that_were_told_to_come_are_not() -> None:
    app = make_app(Settings(), RESOURCES)
    async with TestClient(TestServer(app)) as client:
        with app[LOAD].waits.final(Standing.CALL) as answered:
            answered(-2.0)
        for _ in Step:
            app[LOAD].look()
        for path in "/ws", "/talk", "/jambonz", "/audiostream", "/asterisk/media":
            async with client.get(path) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "5"), path
                assert "too much to do" in await response.text()
        async with client.post("/twilio/voice") as response:
            assert 'reason="busy"' in await response.text()
        assert await refused(client) == 'bridge_calls_refused_total{reason="load"} 1.0'
        async with client.get("/readyz") as response:
            assert (response.status, (await response.json())["checks"]["lines"]) == (
                503,
                "the server has too much to do",
            )
        async with client.ws_connect("/twilio/stream") as call:
            assert not call.closed


async def test_one_address_may_have_only_so_many_clients() -> None:
    app = make_app(Settings(max_clients_per_address=1), RESOURCES)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/ws"), client.get("/ws") as response:
        assert (response.status, await response.text()) == (
            503,
            "there are 1 clients from 127.0.0.1 already, try again later\n",
        )


async def test_one_token_may_have_only_so_many_clients() -> None:
    app = make_app(Settings(max_clients_per_token=1, api_token=SecretStr("secret")), RESOURCES)
    path = "/ws?token=secret"
    async with TestClient(TestServer(app)) as client, client.ws_connect(path), client.get(path) as response:
        assert (response.status, "with this token" in await response.text()) == (503, True)
