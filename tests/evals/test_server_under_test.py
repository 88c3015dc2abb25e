"""The bridge that is called: its options, its record, and what it says where it does not start."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.evals.server_under_test import CalledBridge, ServerFailed, arguments, options_of, running_at, started
from bridge.settings import SettingsError, load


def test_flags_go_before_the_scenario_and_what_would_leave_traces_is_off(tmp_path: Path) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text('port = 9\nrecords = "sqlite:////x.db"\nevents_url = "https://a/b"\nturn_silence = 0.9\n')
    given = {"config": str(config), "bot": "echo", "turn_silence": "0.4"}
    found = options_of(given, {"bot": "mybot:MyBot", "language": "English", "enable_noise_suppression": True})
    assert (found["bot"], found["turn_silence"], found["language"]) == ("echo", "0.4", "English")
    assert (found["port"], found["records"], found["events_url"]) == ("0", "", "")
    assert "ari_url" not in found, "what is off anyway is not named"
    flags = arguments(found)
    assert "--enable-noise-suppression" in flags and "--bot=echo" in flags
    assert load({**found, "config": str(config)}).port == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"bott": "x"}, "settings.bott"), ({"api_token": "x"}, "settings.api_token"), ({"turn_silence": "soon"}, "soon")],
)
def test_an_option_that_is_none_or_cannot_be_is_named(settings: dict[str, str | bool], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        options_of({}, settings)


def test_a_switch_that_is_off_has_its_flag() -> None:
    assert arguments({"sip": False, "state_dir": "/tmp/a b"}) == ["--no-sip", "--state-dir=/tmp/a b"]


@pytest.mark.heavy
async def test_a_bridge_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match=r"did not start:\n(.|\n)*no_such_module"):
        async with started({"port": "0", "bot": "no_such_module:Bot"}, path="/x", log=tmp_path / "log"):
            raise AssertionError("it started")
    assert "no_such_module" in (tmp_path / "log").read_text()


class Api:
    """A bridge's API: `record` of each call, and who may ask."""

    def __init__(self) -> None:
        self.status, self.asked = 200, 0
        self.records: list[dict[str, Any] | None] = []

    async def calls(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": []}, status=200 if request.headers.get("Authorization") else 401)

    async def one(self, request: web.Request) -> web.Response:
        record = self.records.pop(0) if self.status == 200 else None
        status = 404 if self.status == 200 and record is None else self.status
        return web.json_response({"record": record}, status=status)


@pytest.fixture
async def api() -> AsyncIterator[tuple[Api, str]]:
    peer, app = Api(), web.Application()
    app.add_routes([web.get("/calls", peer.calls), web.get("/calls/{id}", peer.one)])
    async with TestServer(app) as site:
        yield peer, f"ws://127.0.0.1:{site.port}/twilio/stream"


async def test_a_record_is_read_once_the_call_is_over(api: tuple[Api, str]) -> None:
    peer, url = api
    peer.records = [None, {"ended_at": None, "entries": []}, {"ended_at": "now", "entries": [{"kind": "started"}]}]
    target = await running_at(url, token="t", tls=True)
    assert target.kept
    async with aiohttp.ClientSession() as session:
        assert await target.entries(session, "CA1") == [{"kind": "started"}]
        for strange in ({"entries": 3, "ended_at": "now"}, [1], "record", 7):
            peer.records = [strange]  # type: ignore[list-item]
            with pytest.raises(ServerFailed, match="no record of a call"):
                await target.entries(session, "CA1")
        peer.status = 500
        with pytest.raises(ServerFailed, match="answers 500"):
            await target.entries(session, "CA1")


async def test_without_a_token_the_record_is_not_read_and_a_wrong_one_is_told(api: tuple[Api, str]) -> None:
    assert not (await running_at(api[1], token="", tls=True)).kept
    with pytest.raises(ServerFailed, match=r"127\.0\.0\.1:1"):
        await running_at("ws://127.0.0.1:1/twilio/stream", token="", tls=True)


def test_the_address_for_programs_comes_from_that_of_the_wire() -> None:
    assert CalledBridge(url="wss://a.example:8443/twilio/stream").http == "https://a.example:8443"
    assert CalledBridge(url="ws://a.example/twilio/stream").http == "http://a.example"
