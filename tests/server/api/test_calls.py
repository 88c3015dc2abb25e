"""Calls ordered over HTTP and placed by Twilio, which is a server of this test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, ScriptBot
from ordered_calls import call_ended, call_is
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio_api import ACCOUNT, CALL, TOKEN, TwilioApi, settings

from bot.api import CallInfo
from bridge.cli import main
from bridge.server.app import make_app
from bridge.server.app_keys import LINES

Client = TestClient[web.Request, web.Application]
CALLS = f"/2010-04-01/Accounts/{ACCOUNT}/Calls"
KEY = {"Authorization": "Bearer k3y"}
ORDER = {"to": "+4930123456", "from": "+4930999", "parameters": {"name": "Anna"}}


class Noting(ScriptBot):
    """Keeps whom it talked to."""

    calls: list[CallInfo] = []  # noqa: RUF012  # one list for the bots of one test

    async def on_call(self, call: CallInfo) -> AsyncIterator[str]:
        self.calls.append(call)
        yield "Good morning."


@asynccontextmanager
async def bridge(api: TwilioApi, **options: object) -> AsyncIterator[Client]:
    known = {"api_token": "k3y", "dial_allow": "+49", "dial_per_second": 100, "max_calls": 2}
    Noting.calls = []
    async with api:
        app = make_app(settings(api.url, **{**known, **options}), replace(RESOURCES, make_bot=Noting))
        async with TestClient(TestServer(app)) as client:
            yield client


def placing() -> TwilioApi:
    return TwilioApi(status=201, body={"sid": CALL, "status": "queued"})


def signed(path: str, form: Mapping[str, str] | None = None, *, socket: bool = False) -> dict[str, str]:
    url = f"{'wss' if socket else 'https'}://bot.example.com{path}"
    return {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, dict(form or {}))}


async def placed(client: Client, order: object = ORDER) -> str:
    async with client.post("/calls", json=order, headers=KEY) as response:
        told = await response.json()
        assert (response.status, told["status"], told["wire"]) == (202, "queued", "twilio"), told
        assert response.headers["Location"] == f"/calls/{told['call_id']}"
        return str(told["call_id"])


async def state(client: Client, call: str) -> dict[str, object]:
    async with client.get(f"/calls/{call}", headers=KEY) as response:
        assert response.status == 200
        told: dict[str, object] = await response.json()
        return told


# ---------------------------------------------------------------- the way of a call


async def test_a_call_is_ordered_from_twilio_and_talks_over_the_stream_that_comes_back() -> None:
    api = placing()
    async with bridge(api) as client:
        call = await placed(client)
        [(path, form)] = await api.requests(1)
        assert path == f"{CALLS}.json"
        told = dict(form)
        assert (told["To"], told["From"], told["Timeout"]) == ("+4930123456", "+4930999", "45")
        assert told["StatusCallback"] == f"https://bot.example.com/twilio/status/{call}"
        [stream] = ElementTree.fromstring(told["Twiml"]).iter("Stream")
        assert stream.get("url") == f"wss://bot.example.com/twilio/stream/{call}"
        assert (await call_is(client, call, "ringing", KEY))["outcome"] is None
        way = f"/twilio/stream/{call}"
        async with client.ws_connect(way, headers=signed(way, socket=True)) as line:
            await line.send_json({"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "callSid": CALL}})
            assert (await line.receive_json(timeout=5))["event"] == "media"
            assert (await state(client, call))["status"] == "answered"
            assert client.app and client.app[LINES].taken == 1
            await line.send_json({"event": "stop", "streamSid": "MZ1", "stop": {}})
            assert await call_ended(client, call, KEY) == ("completed", "caller hung up")
        [info] = Noting.calls
        assert info == CallInfo(call, "+4930999", "+4930123456", {"name": "Anna"}, "outbound")
        async with client.get(way, headers=signed(way)) as again:
            assert again.status == 404
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "outcome"), [("busy", "busy"), ("no-answer", "no-answer"), ("failed", "failed"), ("canceled", "failed")]
)
async def test_twilio_says_why_nobody_answered(status: str, outcome: str) -> None:
    async with bridge(placing()) as client:
        call = await placed(client)
        await call_is(client, call, "ringing", KEY)
        for told in ("ringing", status):
            form, path = {"CallStatus": told, "CallSid": CALL}, f"/twilio/status/{call}"
            async with client.post(path, data=form, headers=signed(path, form)) as response:
                assert response.status == 204
        assert await call_ended(client, call, KEY) == (outcome, f"Twilio says {status}")


async def test_a_call_that_twilio_does_not_place_ends_with_its_words() -> None:
    api = TwilioApi(status=400, body={"message": "The number is unverified", "code": 21219})
    async with bridge(api) as client:
        call = await placed(client)
        assert await call_ended(client, call, KEY) == (
            "refused",
            "Twilio says 400: The number is unverified (error 21219)",
        )


async def test_a_call_that_rings_too_long_is_taken_back() -> None:
    api = placing()
    async with bridge(api, dial_timeout=1) as client:
        call = await placed(client)
        assert await call_ended(client, call, KEY) == ("no-answer", "no answer within 1 s")
        await api.requests(2)
    assert api.asked[1] == (f"{CALLS}/{CALL}.json", [("Status", "completed")])


async def test_a_server_that_goes_down_takes_back_what_rings() -> None:
    api = placing()
    async with api:
        async with bridge(placing(), twilio_api_url=api.url) as client:
            await call_is(client, await placed(client), "ringing", KEY)
        assert api.asked[1:] == [(f"{CALLS}/{CALL}.json", [("Status", "completed")])]


async def test_a_ringing_call_has_its_line_so_that_its_answer_finds_one() -> None:
    api = placing()
    async with bridge(api, max_calls=1) as client:
        call = await placed(client)
        await call_is(client, call, "ringing", KEY)
        async with client.get("/twilio/stream", headers=signed("/twilio/stream")) as other:
            assert other.status == 503
        way = f"/twilio/stream/{call}"
        async with client.ws_connect(way, headers=signed(way, socket=True)) as line:
            await line.send_json({"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "callSid": CALL}})
            assert (await line.receive_json(timeout=5))["event"] == "media"


# ---------------------------------------------------------------- who is let in


async def test_without_the_token_nobody_orders_or_asks() -> None:
    api = placing()
    async with bridge(api) as client:
        for method, path in (("POST", "/calls"), ("GET", "/calls/x")):
            async with client.request(method, path, json=ORDER) as response:
                assert response.status == 401
    assert not api.asked


async def test_a_page_of_another_site_orders_nothing() -> None:
    async with bridge(placing()) as client:
        headers = {**KEY, "Origin": "https://evil.example", "Content-Type": "text/plain"}
        async with client.post("/calls", data='{"to": "+4930123456"}', headers=headers) as response:
            assert response.status == 403


async def test_what_twilio_did_not_sign_is_refused() -> None:
    async with bridge(placing()) as client:
        call = await placed(client)
        await call_is(client, call, "ringing", KEY)
        async with client.post(f"/twilio/status/{call}", data={"CallStatus": "completed"}) as response:
            assert response.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await client.ws_connect(f"/twilio/stream/{call}")
        assert error.value.status == 403
        assert (await state(client, call))["status"] == "ringing"


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (400, b"", "body: no JSON"),
        (400, b"{", "body: no JSON"),
        (400, b"[" * 60_000, "body: no JSON"),
        (400, b"\xff\xfe", "body: no JSON"),
        (400, b"[]", "JSON object"),
        (400, b'{"to": "+4930123456"}', "--dial-from"),
        (400, b'{"to": "alice", "from": "+4930"}', "field to"),
        (403, b'{"to": "+1900123456", "from": "+4930"}', "--dial-allow"),
    ],
)
async def test_an_order_that_is_none_is_answered_with_what_is_wrong(status: int, body: bytes, why: str) -> None:
    async with bridge(api := placing()) as client, client.post("/calls", data=body, headers=KEY) as response:
        assert response.status == status
        assert why in (await response.json())["error"]
    assert not api.asked


async def test_calls_beyond_the_queue_are_told_to_come_back() -> None:
    async with bridge(placing(), dial_ringing=1, dial_queue=1) as client:
        await call_is(client, await placed(client), "ringing", KEY)
        await placed(client)
        async with client.post("/calls", json=ORDER, headers=KEY) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "5")


async def test_who_asks_again_with_the_same_key_gets_the_same_call() -> None:
    async with bridge(api := placing()) as client:

        async def order(to: str, key: str) -> tuple[int, dict[str, str]]:
            headers = {**KEY, "Idempotency-Key": key}
            async with client.post("/calls", json={**ORDER, "to": to}, headers=headers) as response:
                return response.status, await response.json()

        (status, first), (_, again) = await order("+4930123456", "a"), await order("+4930123456", "a")
        assert (status, first["call_id"]) == (202, again["call_id"])
        status, told = await order("+4930999", "a")
        assert status == 422
        assert "another order" in told["error"]
        status, told = await order("+4930123456", "k" * 256)
        assert status == 400
        assert "Idempotency-Key" in told["error"]
        (_, other) = await order("+4930123456", "b")
        assert other["call_id"] != first["call_id"]
        await call_is(client, other["call_id"], "ringing", KEY)
    assert len([path for path, _ in api.asked if path == f"{CALLS}.json"]) == 2


async def test_orders_are_listed_the_newest_first_and_by_status() -> None:
    async with bridge(placing(), dial_ringing=1) as client:
        rings, waits = await placed(client), await placed(client)
        await call_is(client, rings, "ringing", KEY)

        async def listed(query: str) -> tuple[int, list[str] | str]:
            async with client.get(f"/orders{query}", headers=KEY) as response:
                told = await response.json()
                return response.status, [each["call_id"] for each in told["orders"]] if "orders" in told else told[
                    "error"
                ]

        assert await listed("") == (200, [waits, rings])
        assert await listed("?status=queued&limit=1") == (200, [waits])
        assert await listed("?status=ended") == (200, [])
        for query, why in (("?status=lost", "status"), ("?limit=501", "limit"), ("?colour=blue", "colour")):
            status, told = await listed(query)
            assert status == 400
            assert why in told


async def test_a_call_that_never_was_is_not_found() -> None:
    async with bridge(placing()) as client, client.get("/calls/nobody", headers=KEY) as response:
        assert response.status == 404


# ---------------------------------------------------------------- the command


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    (tmp_path / "token").write_text("k3y\n")
    return str(tmp_path / "token")


async def test_the_command_orders_a_call_and_says_what_becomes_of_it(
    token_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api = TwilioApi(status=400, body={"message": "no"})
    async with bridge(api) as client:
        url = str(client.make_url(""))
        flags = ("--url", url, "--token-file", token_file, "--from", "+4930")
        code = await asyncio.to_thread(main, ["dial", "+4930123456", *flags, "--wait", "--parameter", "name=Anna=1"])
        assert code == 1
        out = capsys.readouterr().out.splitlines()
        assert (await state(client, out[0]))["to"] == "+4930123456"
        assert out[-1] == "ended, refused, Twilio says 400: no"
        assert await asyncio.to_thread(main, ["dial", "+4930123456", *flags]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 1
        assert await asyncio.to_thread(main, ["dial", "+1900", *flags]) == 1
        assert "--dial-allow" in capsys.readouterr().err
        assert await asyncio.to_thread(main, ["dial", "+4930", "--url", url]) == 1
        assert "401: send the API token" in capsys.readouterr().err
