"""Calls over carriers besides Twilio: in by webhook and stream, out by their APIs, which are a server of this test."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import carrier_signing
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from carrier_api import CarrierApi
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fakes import RESOURCES, ScriptBot
from ordered_calls import call_ended

from bot.actions import Action, Hangup, Transfer
from bot.api import CallInfo, Turn
from bridge.server.app import make_app
from bridge.settings import Settings
from telephony.carriers.signatures import plivo_signature

Client = TestClient[web.Request, web.Application]
Signed = Callable[[str, dict[str, str]], Awaitable[str]]
"""Posts a form to a path as a carrier does; returns the answer."""
KEY = {"Authorization": "Bearer k3y-k3y-k3y-k3y-"}
INITIATED = {
    "data": {
        "event_type": "call.initiated",
        "payload": {
            "call_control_id": "v3:C1",
            "direction": "incoming",
            "from": "+4915",
            "to": "+4930",
            "caller_id_name": "ANNA",
        },
    }
}


class Noting(ScriptBot):
    """Keeps whom it talked to; puts them through, or hangs up."""

    calls: list[CallInfo] = []  # noqa: RUF012  # one list for the bots of one test
    then: list[Action] = []  # noqa: RUF012

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:  # type: ignore[override]
        self.calls.append(call)
        yield "Good morning."
        for action in self.then:
            yield action

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        yield "Yes."


@asynccontextmanager
async def bridge(api: CarrierApi | None = None, **options: object) -> AsyncIterator[Client]:
    Noting.calls, Noting.then = [], []
    known = {
        "records": "none",
        "insecure": True,
        "api_token": "k3y-k3y-k3y-k3y-",
        "public_url": "https://bot.example.com",
    }
    if api:
        known |= {"telnyx_api_key": "KEY1", "telnyx_connection_id": "777", "telnyx_api_url": api.url}
        known |= {"dial_allow": "+49", "dial_per_second": 100, "dial_from": "+4930999"}
    rules = Settings.model_validate({**known, **options})
    async with TestClient(TestServer(make_app(rules, replace(RESOURCES, make_bot=Noting)))) as client:
        yield client


async def heard(line: "object", event: str) -> dict[str, object]:
    """Return the next message of the server with this event."""
    async with asyncio.timeout(5):
        while True:
            told: dict[str, object] = await line.receive_json()  # type: ignore[attr-defined]
            if told["event"] == event:
                return told


def telnyx_start(call: str, **more: object) -> dict[str, object]:
    start = {"call_control_id": call, "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1}}
    return {"event": "start", "stream_id": "S1", "start": {**start, **more}}


async def ticket(client: Client, form: dict[str, str], path: str = "/telnyx/voice?shop=7") -> str:
    async with client.post(path, data=form) as response:
        assert response.status == 200
        found = re.search(r"wss://bot\.example\.com(/\w+/stream/[\w.-]+)", await response.text())
        assert found
        return found[1]


async def test_a_call_by_texml_reaches_the_bot_with_all_that_is_told_of_it() -> None:
    async with bridge() as client:
        path = await ticket(client, {"CallSid": "v3:C1", "AccountSid": "A1", "From": "+4915", "To": "+4930"})
        async with client.ws_connect(path) as line:
            await line.send_json(telnyx_start("v3:C1"))
            await heard(line, "media")
            await line.send_json({"event": "stop", "stream_id": "S1"})
        [info] = Noting.calls
        told = {"CallSid": "v3:C1", "AccountSid": "A1", "From": "+4915", "To": "+4930", "shop": "7"}
        assert (info.call_id, info.caller, info.callee) == ("v3:C1", "+4915", "+4930")
        assert info.parameters == told


async def test_a_second_stream_of_a_call_whose_first_one_broke_is_taken() -> None:
    async with bridge() as client:
        path = await ticket(client, {"CallSid": "v3:C1", "From": "+4915"})
        for _ in range(2):
            async with client.ws_connect(path) as line:
                await line.send_json(telnyx_start("v3:C1"))
                await heard(line, "media")
        assert [call.caller for call in Noting.calls] == ["+4915", "+4915"]


async def test_when_all_lines_are_busy_the_caller_hears_so() -> None:
    async with bridge(max_calls=1) as client:
        path = await ticket(client, {"CallSid": "v3:C1"})
        async with client.ws_connect(path) as line:
            await line.send_json(telnyx_start("v3:C1"))
            await heard(line, "media")
            async with client.post("/telnyx/voice", data={"CallSid": "v3:C2"}) as response:
                assert 'reason="busy"' in await response.text()


async def test_call_control_is_answered_over_the_api_with_our_stream() -> None:
    async with CarrierApi() as api, bridge(api) as client:
        async with client.post("/telnyx/voice", json=INITIATED) as response:
            assert response.status == 200
        [(method, path, body, key)] = await api.requests(1)
        assert (method, path, key) == ("POST", "/v2/calls/v3%3AC1/actions/answer", "Bearer KEY1")
        assert isinstance(body, dict)
        stream = body.pop("stream_url").removeprefix("wss://bot.example.com")
        assert body == {
            "stream_track": "inbound_track",
            "stream_codec": "PCMU",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
        }
        async with client.ws_connect(stream) as line:
            await line.send_json(telnyx_start("v3:C1"))
            await heard(line, "media")
        assert [(call.caller, call.caller_name) for call in Noting.calls] == [("+4915", "ANNA")]
        for other in ("call.answered", "call.hangup", "streaming.started"):
            async with client.post("/telnyx/voice", json={"data": {"event_type": other, "payload": {}}}) as response:
                assert response.status == 200
    assert not [path for _, path, _, _ in api.asked[1:] if "answer" in path]


async def test_call_control_without_an_api_key_says_what_is_missing() -> None:
    async with bridge() as client, client.post("/telnyx/voice", json=INITIATED) as response:
        assert response.status == 501
        assert "BRIDGE_TELNYX_API_KEY" in await response.text()


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 10_000, b'{"data": []}', b'{"data": {"payload": 7}}', b"null"])
async def test_a_webhook_that_is_none_costs_nothing(body: bytes) -> None:
    async with bridge() as client:
        kind = {"Content-Type": "application/json"}
        async with client.post("/telnyx/voice", data=body, headers=kind) as response:
            assert response.status in {200, 400}


@pytest.mark.parametrize(
    ("target", "account", "path", "body"),
    [
        ("+49301", "A1", "/v2/texml/Accounts/A1/Calls/v3%3AC1", {"Texml": "<Response><Dial>+49301</Dial></Response>"}),
        (
            "sip:a@b",
            "A1",
            "/v2/texml/Accounts/A1/Calls/v3%3AC1",
            {"Texml": "<Response><Dial><Sip>sip:a@b</Sip></Dial></Response>"},
        ),
        ("+49301", "", "/v2/calls/v3%3AC1/actions/transfer", {"to": "+49301"}),
    ],
)
async def test_a_bot_puts_a_caller_through_over_the_api(target: str, account: str, path: str, body: object) -> None:
    async with CarrierApi() as api, bridge(api) as client:
        Noting.then = [Transfer(target)]
        at = await ticket(client, {"CallSid": "v3:C1", **({"AccountSid": account} if account else {})})
        async with client.ws_connect(at) as line:
            await line.send_json(telnyx_start("v3:C1"))
            mark = await heard(line, "mark")
            await line.send_json(mark)
            [(method, asked, told, _)] = await api.requests(1)
            assert (method, asked, told) == ("POST", path, body)
            await line.close()
    assert [path for _, path, _, _ in api.asked if "hangup" in path] == []


async def test_a_call_that_the_bridge_ends_is_hung_up_over_the_api_as_well() -> None:
    api = CarrierApi({"POST /v2/calls/v3:C1/actions/hangup": (422, {"errors": [{"code": "90018"}]})})
    async with api, bridge(api) as client:
        Noting.then = [Hangup()]
        async with client.ws_connect(await ticket(client, {"CallSid": "v3:C1"})) as line:
            await line.send_json(telnyx_start("v3:C1"))
            async for message in line:
                if message.json()["event"] == "mark":
                    await line.send_str(message.data)
        [(method, path, _, _)] = await api.requests(1)
        assert (method, path) == ("POST", "/v2/calls/v3%3AC1/actions/hangup")


# ---------------------------------------------------------------- calls out


async def placed(client: Client) -> str:
    async with client.post("/calls", json={"to": "+4930123456", "wire": "telnyx"}, headers=KEY) as response:
        told = await response.json()
        assert (response.status, told["wire"]) == (202, "telnyx"), told
        return str(told["call_id"])


async def test_a_call_out_is_placed_over_the_api_and_talks_over_the_stream_that_comes_back() -> None:
    async with CarrierApi({"POST /v2/calls": {"data": {"call_control_id": "v3:C9"}}}) as api, bridge(api) as client:
        call = await placed(client)
        [(_, _, body, _)] = await api.requests(1)
        assert body == {
            "connection_id": "777",
            "to": "+4930123456",
            "from": "+4930999",
            "timeout_secs": 45,
            "webhook_url": f"https://bot.example.com/telnyx/status/{call}",
            "stream_url": f"wss://bot.example.com/telnyx/outbound/{call}",
            "stream_track": "inbound_track",
            "stream_codec": "PCMU",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
        }
        async with client.ws_connect(f"/telnyx/outbound/{call}") as line:
            await line.send_json(telnyx_start("v3:C9"))
            await heard(line, "media")
            await line.send_json({"event": "stop", "stream_id": "S1"})
            assert await call_ended(client, call, KEY) == ("completed", "caller hung up")
        [info] = Noting.calls
        assert (info.call_id, info.callee, info.direction) == (call, "+4930123456", "outbound")
        async with client.get(f"/telnyx/outbound/{call}") as again:
            assert again.status == 404


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [("user_busy", "busy"), ("timeout", "no-answer"), ("call_rejected", "refused"), ("not_found", "failed")],
)
async def test_the_carrier_says_why_nobody_answered(cause: str, outcome: str) -> None:
    async with CarrierApi({"POST /v2/calls": {"data": {"call_control_id": "v3:C9"}}}) as api, bridge(api) as client:
        call = await placed(client)
        await api.requests(1)
        for payload in ({}, {"hangup_cause": cause}):
            told = {"data": {"event_type": "call.hangup", "payload": payload}}
            async with client.post(f"/telnyx/status/{call}", json=told) as response:
                assert response.status == 200
        assert await call_ended(client, call, KEY) == (outcome, f"Telnyx says {cause}")


async def test_a_call_that_is_not_placed_ends_with_the_carriers_words() -> None:
    async with CarrierApi({"POST /v2/calls": 422}) as api, bridge(api) as client:
        assert await call_ended(client, await placed(client), KEY) == ("refused", "Telnyx says 422: not like that")


# ---------------------------------------------------------------- Plivo, Vobiz

PLIVO = {"plivo_auth_id": "MA1", "plivo_auth_token": "t0ken"}
VOBIZ = {"vobiz_auth_id": "MA1", "vobiz_auth_token": "t0ken"}


@asynccontextmanager
async def plivo_bridge(api: CarrierApi, name: str) -> AsyncIterator[tuple[Client, Signed]]:
    """A bridge whose Plivo or Vobiz is `api`, and what posts to it as they do."""
    about: dict[str, object] = {**(PLIVO if name == "plivo" else VOBIZ), f"{name}_api_url": api.url}
    dialling: dict[str, object] = {"dial_allow": "+49", "dial_per_second": 100, "dial_from": "+4930999"}
    async with bridge(None, **dialling, **about) as client:

        async def post(path: str, form: dict[str, str]) -> str:
            url = f"https://bot.example.com{path}"
            headers = carrier_signing.plivo("t0ken", url, form, maker=name.capitalize())
            async with client.post(path, data=form, headers=headers) as response:
                assert response.status == 200, await response.text()
                return await response.text()

        yield client, post


def plivo_start(call: str) -> dict[str, object]:
    audio = {"encoding": "audio/x-mulaw", "sampleRate": 8000}
    return {"event": "start", "start": {"callId": call, "streamId": "S1", "tracks": ["inbound"], "mediaFormat": audio}}


@pytest.mark.parametrize("name", ["plivo", "vobiz"])
async def test_a_caller_over_plivo_is_put_through_by_a_document_that_plivo_fetches(name: str) -> None:
    async with CarrierApi() as api, plivo_bridge(api, name) as (client, post):
        Noting.then = [Transfer("+49 301")]
        answer = await post(f"/{name}/voice", {"CallUUID": "c1", "From": "+4915", "To": "+4930"})
        stream = answer.partition(">wss://bot.example.com")[2].partition("<")[0]
        async with client.ws_connect(stream) as line:
            await line.send_json(plivo_start("c1"))
            mark = await heard(line, "checkpoint")
            await line.send_json({"event": "playedStream", "streamId": "S1", "name": mark["name"]})
            [(method, path, body, key)] = await api.requests(1)
        assert (method, path) == ("POST", "/v1/Account/MA1/Call/c1/")
        where = f"https://bot.example.com/{name}/transfer?to=%2B49%20301"
        assert body == {"legs": "aleg", "aleg_url": where, "aleg_method": "POST"}
        assert key == ("Basic TUExOnQwa2Vu" if name == "plivo" else "")
        assert [(call.call_id, call.caller, call.callee) for call in Noting.calls] == [("c1", "+4915", "+4930")]
        headers = {f"X-{name}-Signature-V3-Nonce": "n1"}
        signed = plivo_signature("t0ken", f"https://bot.example.com/{name}/transfer?to=+49 301", "n1").decode()
        async with client.get(
            where.partition(".com")[2], headers={**headers, f"X-{name}-Signature-V3": signed}
        ) as told:
            assert "<Dial><Number>+49 301</Number></Dial>" in await told.text()


@pytest.mark.parametrize("name", ["plivo", "vobiz"])
async def test_a_call_out_over_plivo_fetches_its_stream_once_it_is_answered(name: str) -> None:
    ordered = CarrierApi({"POST /v1/Account/MA1/Call/": (201, {"request_uuid": "r1", "message": "call fired"})})
    async with ordered as api, plivo_bridge(api, name) as (client, post):
        async with client.post("/calls", json={"to": "+4930123456", "wire": name}, headers=KEY) as response:
            call = (await response.json())["call_id"]
        [(_, _, body, _)] = await api.requests(1)
        place = f"https://bot.example.com/{name}"
        assert body == {
            "to": "+4930123456",
            "from": "+4930999",
            "ring_timeout": 45,
            "answer_url": f"{place}/answer/{call}",
            "answer_method": "POST",
            "hangup_url": f"{place}/status/{call}",
            "hangup_method": "POST",
        }
        answer = await post(f"/{name}/answer/{call}", {"CallUUID": "c9", "CallStatus": "in-progress"})
        assert f">wss://bot.example.com/{name}/outbound/{call}<" in answer
        async with client.ws_connect(f"/{name}/outbound/{call}") as line:
            await line.send_json(plivo_start("c9"))
            await heard(line, "playAudio")
        assert (await call_ended(client, call, KEY))[0] == "completed"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("busy", "busy"), ("no-answer", "no-answer"), ("timeout", "no-answer"), ("failed", "failed")],
)
async def test_plivo_says_why_nobody_answered(status: str, outcome: str) -> None:
    ordered = CarrierApi({"POST /v1/Account/MA1/Call/": {"request_uuid": "r1"}})
    async with ordered as api, plivo_bridge(api, "plivo") as (client, post):
        async with client.post("/calls", json={"to": "+4930123456", "wire": "plivo"}, headers=KEY) as response:
            call = (await response.json())["call_id"]
        await api.requests(1)
        for told in ("ringing", status):
            await post(f"/plivo/status/{call}", {"CallStatus": told})
        assert await call_ended(client, call, KEY) == (outcome, f"Plivo says {status}")


async def test_a_call_out_that_is_given_up_while_it_rings_is_cancelled() -> None:
    ordered = CarrierApi(
        {"POST /v1/Account/MA1/Call/": {"request_uuid": "r1"}, "DELETE /v1/Account/MA1/Request/r1/": 404}
    )
    async with ordered as api, plivo_bridge(api, "plivo") as (client, _):
        async with client.post("/calls", json={"to": "+4930123456", "wire": "plivo"}, headers=KEY) as response:
            call = (await response.json())["call_id"]
        await api.requests(1)
        async with client.delete(f"/calls/{call}", headers=KEY) as response:
            assert response.status in {200, 202, 204}
        [_, (method, path, _, _)] = await api.requests(2)
        assert (method, path) == ("DELETE", "/v1/Account/MA1/Request/r1/")


# ---------------------------------------------------------------- Vonage


@asynccontextmanager
async def vonage_bridge(api: CarrierApi) -> AsyncIterator[tuple[Client, Callable[[], dict[str, str]]]]:
    """A bridge whose Vonage is `api`, and what makes the headers of an empty request of it."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    about: dict[str, object] = {"vonage_application_id": "app1", "vonage_private_key": pem, "vonage_api_url": api.url}
    about |= {"vonage_signature_secret": "s3cret", "vonage_rate": "8000"}
    about |= {"dial_allow": "+49", "dial_per_second": 100, "dial_from": "+4930999"}
    async with bridge(None, **about) as client:
        yield client, lambda: {"Authorization": f"Bearer {carrier_signing.jwt('s3cret', {'iat': time.time()})}"}


CONNECTED = {"event": "websocket:connected", "content-type": "audio/l16;rate=8000"}


@pytest.mark.parametrize(
    ("target", "endpoint"),
    [("+49301", {"type": "phone", "number": "49301"}), ("sip:a@b.example", {"type": "sip", "uri": "sip:a@b.example"})],
)
async def test_a_caller_over_vonage_is_put_through_by_an_ncco(target: str, endpoint: object) -> None:
    async with CarrierApi() as api, vonage_bridge(api) as (client, signed):
        Noting.then = [Transfer(target)]
        asked = "/vonage/voice?to=442079460000&from=447700900000&uuid=c1&shop=7"
        async with client.get(asked, headers=signed()) as response:
            [connect] = await response.json()
        async with client.ws_connect(connect["endpoint"][0]["uri"].partition(".com")[2]) as line:
            await line.send_json({**CONNECTED, "CallSid": "c1"})
            async for message in line:
                if message.type.name == "TEXT" and message.json().get("action") == "notify":
                    await line.send_json({"event": "websocket:notify", "payload": message.json()["payload"]})
                    break
            [(method, path, body, key)] = await api.requests(1)
        assert (method, path) == ("PUT", "/v1/calls/c1")
        ncco = [{"action": "connect", "from": "442079460000", "endpoint": [endpoint]}]
        assert body == {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        assert jwt.decode(key.removeprefix("Bearer "), options={"verify_signature": False})["application_id"] == "app1"
        [info] = Noting.calls
        assert (info.call_id, info.caller, info.callee) == ("c1", "447700900000", "442079460000")
        assert info.parameters["shop"] == "7"


async def test_a_call_out_over_vonage_is_answered_with_our_socket() -> None:
    async with CarrierApi({"POST /v1/calls": (201, {"uuid": "c9"})}) as api, vonage_bridge(api) as (client, signed):
        async with client.post("/calls", json={"to": "+4930123456", "wire": "vonage"}, headers=KEY) as response:
            call = (await response.json())["call_id"]
        [(_, _, body, _)] = await api.requests(1)
        place = "https://bot.example.com/vonage"
        assert body == {
            "to": [{"type": "phone", "number": "4930123456"}],
            "from": {"type": "phone", "number": "4930999"},
            "answer_url": [f"{place}/answer/{call}"],
            "answer_method": "POST",
            "event_url": [f"{place}/status/{call}"],
            "event_method": "POST",
            "ringing_timer": 45,
        }
        async with client.get(f"/vonage/answer/{call}?uuid=c9", headers=signed()) as response:
            [endpoint] = (await response.json())[0]["endpoint"]
        assert endpoint["headers"] == {"CallSid": "c9"}
        assert endpoint["uri"] == f"wss://bot.example.com/vonage/outbound/{call}"
        async with client.ws_connect(f"/vonage/outbound/{call}") as line:
            await line.send_json({**CONNECTED, "CallSid": "c9"})
            assert len(await line.receive_bytes()) == 320
        assert (await call_ended(client, call, KEY))[0] == "completed"


async def test_vonage_says_why_nobody_answered() -> None:
    async with CarrierApi({"POST /v1/calls": {"uuid": "c9"}}) as api, vonage_bridge(api) as (client, signed):
        async with client.post("/calls", json={"to": "+4930123456", "wire": "vonage"}, headers=KEY) as response:
            call = (await response.json())["call_id"]
        await api.requests(1)
        for status in ("ringing", "unanswered"):
            async with client.get(f"/vonage/status/{call}?status={status}&uuid=c9", headers=signed()) as response:
                assert response.status == 200
        assert await call_ended(client, call, KEY) == ("no-answer", "Vonage says unanswered")


async def test_a_private_key_that_is_none_costs_its_call_and_is_told() -> None:
    async with (
        CarrierApi() as api,
        bridge(
            None, vonage_application_id="app1", vonage_private_key="none", vonage_api_url=api.url, dial_allow="+49"
        ) as client,
    ):
        async with client.post("/calls", json={"to": "+4930123456", "wire": "vonage"}, headers=KEY) as response:
            outcome, reason = await call_ended(client, (await response.json())["call_id"], KEY)
        assert outcome == "refused" and "--vonage-private-key-file" in str(reason)


# ---------------------------------------------------------------- SignalWire, Exotel

DIALLING: dict[str, object] = {"dial_allow": "+49", "dial_per_second": 100, "dial_from": "+4930999"}


async def test_signalwire_is_asked_as_twilio_is() -> None:
    calls = "/api/laml/2010-04-01/Accounts/P1/Calls"
    async with CarrierApi({f"POST {calls}": (201, {"sid": "c9"})}) as api:
        about: dict[str, object] = {
            "signalwire_auth_id": "P1",
            "signalwire_auth_token": "t",
            "signalwire_api_url": api.url,
        }
        async with bridge(None, **DIALLING, **about) as client:
            async with client.post("/calls", json={"to": "+4930123456", "wire": "signalwire"}, headers=KEY) as response:
                call = (await response.json())["call_id"]
            [(_, path, body, key)] = await api.requests(1)
            place = "https://bot.example.com/signalwire"
            assert (path, key) == (calls, "Basic UDE6dA==")
            assert body == {
                "To": "+4930123456",
                "From": "+4930999",
                "Timeout": "45",
                "Url": f"{place}/answer/{call}",
                "StatusCallback": f"{place}/status/{call}",
            }
            async with client.post(f"/signalwire/answer/{call}", data={"CallSid": "c9"}) as response:
                assert f'url="wss://bot.example.com/signalwire/outbound/{call}"' in await response.text()
            Noting.then = [Transfer("sip:a@b.example")]
            async with client.ws_connect(f"/signalwire/outbound/{call}") as line:
                await line.send_json(
                    {"event": "start", "streamSid": "MZ1", "start": {"streamSid": "MZ1", "callSid": "c9"}}
                )
                await line.send_json(await heard(line, "mark"))
                [_, (_, path, body, _)] = await api.requests(2)
            assert path == f"{calls}/c9"
            assert body == {"Url": f"{place}/transfer?to=sip%3Aa%40b.example"}
            async with client.get("/signalwire/transfer?to=sip%3Aa%40b.example") as response:
                assert "<Dial><Sip>sip:a@b.example</Sip></Dial>" in await response.text()


async def test_exotel_calls_out_with_our_stream_and_says_why_nobody_answered() -> None:
    path = "/v1/Accounts/ex1/Calls/connect.json"
    async with CarrierApi({f"POST {path}": {"Call": {"Sid": "c9", "Status": "in-progress"}}}) as api:
        about: dict[str, object] = {"exotel_account": "ex1", "exotel_auth_id": "k", "exotel_auth_token": "t"}
        async with bridge(None, **DIALLING, **about, exotel_api_url=api.url, exotel_rate="16000") as client:
            async with client.post("/calls", json={"to": "+4930123456", "wire": "exotel"}, headers=KEY) as response:
                call = (await response.json())["call_id"]
            [(_, asked, body, _)] = await api.requests(1)
            place = "bot.example.com/exotel"
            assert asked == path
            assert body == {
                "From": "+4930123456",
                "CallerId": "+4930999",
                "StreamType": "bidirectional",
                "TimeOut": "45",
                "StreamUrl": f"wss://{place}/outbound/{call}?sample-rate=16000",
                "StatusCallback": f"https://{place}/status/{call}",
            }
            async with client.post(f"/exotel/status/{call}", data={"CallSid": "c9", "Status": "busy"}) as response:
                assert response.status == 200
            assert await call_ended(client, call, KEY) == ("busy", "Exotel says busy")
