"""Alive and ready are two questions."""

from dataclasses import dataclass, replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, FakeAsr, FakeClock

from bridge.admission.lines import Lines
from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.server.lifecycle.health import HOPELESS_S, Health
from bridge.settings import Settings


@dataclass
class Sip:
    trouble: str = ""
    beyond_repair: bool = False


class Rig:
    """A server that has nothing but its health."""

    def __init__(self, *, ours: bool = True) -> None:
        self.lines, self.asr, self.sip, self.clock = Lines(1), FakeAsr(), Sip(), FakeClock()
        self.app = web.Application()
        health = Health(self.lines, self.asr, parts=lambda: {"sip": self.sip}, ours=ours, clock_s=self.clock)
        self.app.add_routes(health.routes())

    async def asked(self, path: str) -> tuple[int, dict[str, object]]:
        async with TestClient(TestServer(self.app)) as client, client.get(path) as response:
            return response.status, await response.json()

    async def failing(self) -> list[str]:
        status, body = await self.asked("/readyz")
        checks = body["checks"]
        assert isinstance(checks, dict)
        wrong = [name for name, text in checks.items() if text != "ok"]
        assert (status == 503) == bool(wrong) == (body["ready"] is False)
        return wrong


async def test_a_server_with_nothing_wrong_is_alive_and_ready() -> None:
    rig = Rig()
    assert await rig.asked("/healthz") == (200, {"status": "ok", "calls": 0, "parts": {"sip": "ok"}})
    assert await rig.failing() == []


async def test_a_server_that_drains_is_alive_and_not_ready() -> None:
    rig = Rig()
    rig.lines.draining = True
    status, body = await rig.asked("/healthz")
    assert status == 200 and body["status"] == "draining"
    assert await rig.failing() == ["serving"]


async def test_a_full_server_is_alive_and_not_ready() -> None:
    rig = Rig()
    with rig.lines.take():
        assert (await rig.asked("/healthz"))[0] == 200
        assert await rig.failing() == ["lines"]
    assert await rig.failing() == []


async def test_without_an_engine_it_is_not_ready_and_after_minutes_a_restart_is_the_cure() -> None:
    rig = Rig()
    rig.asr.failures = 1
    assert await rig.failing() == ["models"]
    assert (await rig.asked("/healthz"))[0] == 200
    rig.clock.advance(HOPELESS_S)
    assert (await rig.asked("/healthz"))[0] == 503
    rig.asr.failures = 0
    assert (await rig.asked("/healthz"))[0] == 200
    rig.asr.failures = 1
    assert (await rig.asked("/healthz"))[0] == 200, "it was back in between"


async def test_engines_elsewhere_are_not_cured_by_our_restart() -> None:
    rig = Rig(ours=False)
    rig.asr.failures = 1
    await rig.asked("/healthz")
    rig.clock.advance(10 * HOPELESS_S)
    assert (await rig.asked("/healthz"))[0] == 200


async def test_a_sip_process_that_is_started_again_is_not_ready_and_one_that_is_not_needs_a_restart() -> None:
    rig = Rig()
    rig.sip.trouble = "the SIP process died: on host pbx.internal, as user bot"
    assert await rig.failing() == ["sip"]
    status, body = await rig.asked("/healthz")
    assert status == 200 and body["parts"] == {"sip": "the SIP process died"}
    rig.sip.beyond_repair = True
    status, body = await rig.asked("/healthz")
    assert status == 503 and body["status"] == "sip does not come back: the SIP process died"


@pytest.mark.parametrize("redirect", ["", "https://other.example.com/twilio/voice"])
async def test_while_it_drains_every_door_refuses_politely(redirect: str) -> None:
    app = make_app(Settings(drain_redirect=redirect, dial_allow=("*",)), replace(RESOURCES, asr=FakeAsr()))
    async with TestClient(TestServer(app)) as client:
        app[LINES].draining = True
        async with client.post("/twilio/voice", data={"CallSid": "CA1"}) as response:
            text = await response.text()
            assert response.status == 200 and (f"<Redirect>{redirect}<" if redirect else "<Reject") in text
        async with client.get("/ws") as response:
            assert response.status == 503 and "shutting down" in await response.text()
            assert response.headers["Retry-After"]
        async with client.get("/readyz") as response:
            assert response.status == 503
        async with client.get("/metrics") as response:
            assert response.status == 200
