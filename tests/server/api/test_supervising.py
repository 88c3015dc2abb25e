"""Calls over HTTP, on a real server with a real database: those on the line and those that were."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client

from bridge.records.entries import Entry, EntryKind
from bridge.server.app import make_app
from bridge.server.app_keys import CALL_LOG
from bridge.settings import Settings

TOKENS = """
[[token]]
name = "wall"
token = "wall-wall-wall-wall"
scopes = ["read"]

[[token]]
name = "anna"
token = "anna-anna-anna-anna"
scopes = ["read", "calls"]

[[token]]
name = "boss"
token = "boss-boss-boss-boss"
scopes = ["admin"]
"""


@asynccontextmanager
async def bridge(folder: Path, **options: object) -> AsyncIterator[Client]:
    settings = Settings.model_validate(
        {"state_dir": str(folder), "keep_text": "0", "keep_calls": "0", "greeting": "Good morning.", **options}
    )
    async with TestClient(TestServer(make_app(settings, RESOURCES))) as client:
        yield client


@asynccontextmanager
async def call(client: Client, *, name: str = "CA1") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A call over Twilio's wire whose bot has begun to speak."""
    async with client.ws_connect("/twilio/stream") as line:
        start = {"streamSid": "MZ1", "callSid": name, "customParameters": {"From": "+491701", "To": "+4930"}}
        await line.send_json({"event": "start", "streamSid": "MZ1", "start": start})
        assert (await line.receive_json(timeout=5))["event"] == "media"
        yield line


async def ask(client: Client, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:  # noqa: ANN401  # what aiohttp takes, and JSON
    async with client.request(method, path, **more) as response:
        return response.status, await response.json()


def facts(record: str) -> dict[str, object]:
    return {"call_id": f"CA{record}", "wire": "twilio", "caller": "+49170", "callee": "+4930"}


async def past(client: Client, record: str, said: str = "Hello.", **recording: str) -> None:
    """Put a call into the log that is over."""
    assert client.app
    database = client.app[CALL_LOG].database
    assert database
    sound = [Entry(record, 3, 1002.0, EntryKind.RECORDING, "", recording)] if recording else []
    await database.write(
        [
            Entry(record, 1, 1000.0, EntryKind.STARTED, "", facts(record)),
            Entry(record, 2, 1001.0, EntryKind.CALLER, said),
            *sound,
            Entry(record, 4, 1009.0, EntryKind.ENDED, "bye", {"ended_by": "caller", "turns": 1}),
        ]
    )


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {'-'.join([name] * 4)}"}


# ---------------------------------------------------------------- calls that were


async def test_calls_are_listed_with_filters_and_page_by_page(tmp_path: Path) -> None:
    async with bridge(tmp_path) as client:
        for number in range(3):
            await past(client, f"r{number}", said=f"Order {number}.")
        status, told = await ask(client, "/calls?limit=2")
        assert (status, len(told["calls"])) == (200, 2)
        status, rest = await ask(client, f"/calls?limit=2&before={told['before']}")
        records = [each["record"] for each in told["calls"] + rest["calls"]]
        assert (sorted(records), rest["before"]) == (["r0", "r1", "r2"], None)
        assert [each["record"] for each in (await ask(client, "/calls?text=order+1"))[1]["calls"]] == ["r1"]
        since = "/calls?since=1970-01-01T00:16:40Z&until=1970-01-01T00:16:41%2B00:00&phone=170&wire=twilio"
        assert len((await ask(client, since))[1]["calls"]) == 3
        assert (await ask(client, "/calls?since=1970-01-02"))[1]["calls"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=%C2%B2", "limit"),
        ("since=yesterday", "since"),
        ("until=1", "until"),
        ("live=perhaps", "live"),
        ("live=true&text=x", "live"),
        ("txt=x", "txt"),
        ("text=a&text=b", "text"),
        ("text=%00", "text"),
    ],
)
async def test_a_question_that_is_none_is_answered_with_the_field(tmp_path: Path, query: str, field: str) -> None:
    async with bridge(tmp_path) as client:
        status, told = await ask(client, f"/calls?{query}")
        assert status == 400
        assert field in told["error"]


async def test_a_call_is_shown_by_its_record_or_its_name_with_what_happened(tmp_path: Path) -> None:
    async with bridge(tmp_path) as client:
        await past(client, "r1")
        for name in ("r1", "CAr1"):
            status, told = await ask(client, f"/calls/{name}")
            assert (status, told["call_id"], told["status"]) == (200, "CAr1", "ended")
            assert [entry["kind"] for entry in told["record"]["entries"]] == ["started", "caller", "ended"]
        for nobody in ("r2", "%00", "%F0%9F"):
            assert (await ask(client, f"/calls/{nobody}"))[0] == 404


async def test_a_record_is_deleted_by_an_administrator_and_stays_deleted(tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_text(TOKENS)
    async with bridge(tmp_path, api_tokens_file=str(tmp_path / "tokens.toml")) as client:
        await past(client, "r1")
        status, told = await ask(client, "/calls/r1?record=true", "DELETE", headers=bearer("anna"))
        assert status == 403 and "admin" in told["error"]
        assert (await ask(client, "/calls/r1", "DELETE", headers=bearer("boss")))[0] == 409
        status, told = await ask(client, "/calls/r1?record=true", "DELETE", headers=bearer("boss"))
        assert (status, told) == (200, {"deleted": ["r1"]})
        await past(client, "r1")
        assert (await ask(client, "/calls/r1", headers=bearer("wall")))[0] == 404


async def test_recordings_are_served_from_their_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"RIFF....")
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (folder / "link.wav").symlink_to(tmp_path / "secret.wav")
    async with bridge(tmp_path, record_calls=str(folder)) as client:
        for record, data in {
            "r1": {"path": "a.wav"},
            "r2": {"path": str(folder / "a.wav")},
            "r3": {"url": f"file://{folder}/a.wav"},
            "no1": {"path": "../secret.wav"},
            "no2": {"path": "link.wav"},
            "no3": {"path": str(tmp_path / "secret.wav")},
            "no4": {"url": "s3://bucket/a.wav"},
            "no5": {"path": "gone.wav"},
            "no6": {"path": "."},
        }.items():
            await past(client, record, **data)
            async with client.get(f"/calls/{record}/recording") as response:
                if record.startswith("no"):
                    assert (response.status, "error" in await response.json()) == (404, True), record
                else:
                    assert (response.status, response.content_type) == (200, "audio/wav")
                    assert await response.read() == b"RIFF...."
        async with client.get("/calls/r1/recording", headers={"Range": "bytes=0-3"}) as response:
            assert (response.status, await response.read()) == (206, b"RIFF")
        await past(client, "r9")
        assert (await ask(client, "/calls/r9/recording"))[0] == 404


# ---------------------------------------------------------------- calls on the line


@pytest.mark.parametrize("records", ["", "none"])
async def test_an_operator_speaks_in_a_live_call_and_ends_it(tmp_path: Path, records: str) -> None:
    (tmp_path / "tokens.toml").write_text(TOKENS)
    name = f"CA{uuid4().hex}"
    options = {"api_tokens_file": str(tmp_path / "tokens.toml"), "records": records}
    async with bridge(tmp_path, **options) as client:
        async with call(client, name=name) as line:
            status, told = await ask(client, "/calls?live=true", headers=bearer("wall"))
            [live] = told["calls"]
            assert (status, live["call_id"], live["live"]) == (200, name, True)
            way = f"/calls/{name}"
            status, told = await ask(client, f"{way}/say", "POST", json={"text": "One moment."}, headers=bearer("anna"))
            assert (status, told["record"]) == (202, live["record"])
            assert (await ask(client, way, headers=bearer("wall")))[1]["status"] == "answered"
            assert (await ask(client, f"{way}?record=true", "DELETE", headers=bearer("boss")))[0] == 409
            assert (await ask(client, way, "DELETE", headers=bearer("anna")))[0] == 202
            async for message in line:  # marks come back, as a telephone would send them
                if json.loads(message.data)["event"] == "mark":
                    await line.send_str(message.data)
        _, told = await ask(client, way, headers=bearer("wall"))
        assert told["status"] == "ended"
        assert (told["record"]["ended_by"], told["reason"]) == ("operator", "an operator ended the call")
        noted = [(e["data"], e["text"]) for e in told["record"]["entries"] if e["kind"] == "operator"]
        assert noted == [({"what": "say", "by": "anna"}, "One moment."), ({"what": "hangup", "by": "anna"}, "")]
        said = [e["text"] for e in told["record"]["entries"] if e["kind"] == "bot"]
        assert said[-1] == "Goodbye."
        assert (await ask(client, f"{way}/say", "POST", json={"text": "x"}, headers=bearer("anna")))[0] == 409


@pytest.mark.parametrize(
    ("allowed", "target", "status"),
    [
        ("", "+4930123", 403),
        ("+4930", "+49 (30) 123", 202),
        ("+4930", "+1900123", 403),
        ("sip:*@pbx.example", "sip:desk@pbx.example", 202),
        ("sip:*@pbx.example", "sip:desk@pbx.example.evil", 403),
    ],
)
async def test_an_operator_transfers_a_caller_where_a_call_may_be_placed(
    tmp_path: Path, allowed: str, target: str, status: int
) -> None:
    async with bridge(tmp_path, dial_allow=(allowed,) if allowed else ()) as client, call(client):
        got, told = await ask(client, "/calls/CA1/transfer", "POST", json={"target": target})
        assert got == status
        assert status == 202 or ("target" in told["error"] and "--dial-allow" in told["error"])


@pytest.mark.parametrize(
    ("way", "body", "field"),
    [
        ("say", b"{", "body"),
        ("say", b"[]", "body"),
        ("say", b'"text"', "body"),
        ("say", b"[" * 60_000, "body"),
        ("say", b"{}", "text"),
        ("say", b'{"text": " "}', "text"),
        ("say", b'{"text": 7}', "text"),
        ("say", b'{"text": "a", "voice": "b"}', "voice"),
        ("say", b'{"text": "\\ud800"}', "text"),
        ("say", json.dumps({"text": "a" * 2001}).encode(), "text"),
        ("transfer", b'{"target": "a\\nb"}', "target"),
        ("transfer", b'{"text": "a"}', "text"),
    ],
)
async def test_what_cannot_be_said_or_called_is_answered_with_the_field(
    tmp_path: Path, way: str, body: bytes, field: str
) -> None:
    async with bridge(tmp_path) as client, call(client):
        status, told = await ask(client, f"/calls/CA1/{way}", "POST", data=body)
        assert status == 400 and field in told["error"], told
        assert (await ask(client, f"/calls/CA2/{way}", "POST", json={"text": "x", "target": "x"}))[0] in {400, 404}


# ---------------------------------------------------------------- who may


READ = [("GET", path) for path in ("/calls", "/calls/x", "/calls/x/recording", "/calls/x/events", "/openapi.json")]
READ += [("GET", "/metrics"), ("GET", "/languages")]
CHANGE = [("POST", "/calls"), ("DELETE", "/calls/x"), ("POST", "/calls/x/say"), ("POST", "/calls/x/transfer")]
CHANGE += [("POST", "/asterisk/connect"), ("GET", "/ws"), ("GET", "/talk"), ("GET", "/jambonz")]


async def test_each_route_refuses_a_token_that_is_good_for_other_things(tmp_path: Path) -> None:
    only_calls = '[[token]]\nname = "dialler"\ntoken = "dial-dial-dial-dial"\nscopes = ["calls"]\n'
    (tmp_path / "tokens.toml").write_text(TOKENS + only_calls)
    async with bridge(tmp_path, api_tokens_file=str(tmp_path / "tokens.toml"), api_token="everything") as client:
        for routes, wrong, right in ((READ, "dial", "wall"), (CHANGE, "wall", "dial")):
            for method, path in routes:
                async with client.request(method, path, headers=bearer(wrong)) as response:
                    assert response.status == 403, (method, path)
                    assert "scope" in await response.text() or "good for" in await response.text()
                for headers in (bearer(right), bearer("boss"), {"Authorization": "Bearer everything"}):
                    async with client.request(method, path, headers=headers) as response:
                        assert response.status not in {401, 403}, (method, path, headers)
                for headers in ({}, {"Authorization": "Bearer wrong-wrong-wrong-wrong"}):
                    async with client.request(method, path, headers=headers) as response:
                        assert response.status == 401, (method, path)
