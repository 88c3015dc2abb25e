"""Calls over Azure: its doors, the keys it publishes, and all that is asked of its API, which is this test's own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import aiohttp
import carrier_signing
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from carrier_api import CarrierApi
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from fakes import RESOURCES, ScriptBot
from ordered_calls import call_ended

from bot.actions import Action, ActionFailed, Hangup, SendDtmf, Transfer
from bot.api import CallInfo, Turn
from bridge.server.app import make_app
from bridge.settings import Settings

Client = TestClient[web.Request, web.Application]
TOKEN = "k3y-k3y-k3y-k3y-"
KEY = {"Authorization": f"Bearer {TOKEN}"}
PUBLIC = "https://bot.example.com"
VERSION = "?api-version=2025-05-15"
VOICE = f"/azure/voice?token={TOKEN}&shop=7"
INCOMING = {
    "eventType": "Microsoft.Communication.IncomingCall",
    "data": {
        "from": {"rawId": "4:+4915", "phoneNumber": {"value": "+4915"}},
        "to": {"rawId": "4:+4930", "phoneNumber": {"value": "+4930"}},
        "callerDisplayName": "ANNA",
        "incomingCallContext": "CTX",
    },
}
METADATA = {
    "kind": "AudioMetadata",
    "audioMetadata": {"subscriptionId": "S1", "encoding": "PCM", "sampleRate": 16_000, "channels": 1, "length": 640},
}
MEDIA = {
    "transportType": "websocket",
    "contentType": "audio",
    "audioChannelType": "mixed",
    "audioFormat": "pcm16KMono",
    "startMediaStreaming": True,
    "enableBidirectional": True,
    "enableDtmfTones": True,
}
CALL = "18dea47f-b081-4107-9a5c-4300819d2c6c"


@dataclass
class KeyServer:
    """Publishes an OpenID configuration and keys, as Azure does, while it is entered."""

    keys: dict[str, object] = field(default_factory=carrier_signing.azure_keys)
    fetched: list[str] = field(default_factory=list)
    status: int = 200

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/{path:.*}", self._answer)])
        self._server = TestServer(app)
        await self._server.start_server()
        self.url = str(self._server.make_url("/calling/.well-known/acsopenidconfiguration"))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        self.fetched.append(request.path)
        if request.path != "/calling/keys":
            told = {"issuer": carrier_signing.AZURE_ISSUER, "jwks_uri": str(self._server.make_url("/calling/keys"))}
            return web.json_response(told, status=self.status)
        return web.json_response(self.keys, status=self.status)


class Doing(ScriptBot):
    """Keeps whom it talked to; does what it is told to, and keeps what of it failed."""

    calls: list[CallInfo] = []  # noqa: RUF012  # one list for the bots of one test
    then: list[Action] = []  # noqa: RUF012
    failed: list[str] = []  # noqa: RUF012

    async def on_call(self, call: CallInfo) -> AsyncIterator[str | Action]:  # type: ignore[override]
        self.calls.append(call)
        yield "Good morning."
        for action in self.then:
            try:
                yield action
            except ActionFailed as why:
                self.failed.append(str(why))

    async def reply(self, turn: Turn) -> AsyncIterator[str]:
        yield "Yes."


@asynccontextmanager
async def bridge(api: CarrierApi, keys: KeyServer, **options: object) -> AsyncIterator[Client]:
    Doing.calls, Doing.then, Doing.failed = [], [], []
    known = {
        "records": "none",
        "api_token": TOKEN,
        "public_url": PUBLIC,
        "azure_resource_id": carrier_signing.AZURE_RESOURCE,
        "azure_api_url": api.url,
        "azure_access_key": "c2VjcmV0LWtleQ==",
        "azure_openid_url": keys.url,
        "dial_allow": "+49",
        "dial_per_second": 100,
        "dial_from": "+4930999",
    }
    rules = Settings.model_validate({**known, **options})
    async with TestClient(TestServer(make_app(rules, replace(RESOURCES, make_bot=Doing)))) as client:
        yield client


async def stream_of(client: Client, api: CarrierApi) -> str:
    """Have a call come in; return the path of the stream that it is answered with."""
    before = len(api.asked)
    async with client.post(VOICE, json=[INCOMING]) as response:
        assert response.status == 200, await response.text()
    [(method, path, body, _)] = (await api.requests(before + 1))[before:]
    assert (method, path) == ("POST", f"/calling/callConnections:answer{VERSION}")
    assert isinstance(body, dict)
    stream: str = body["mediaStreamingOptions"].pop("transportUrl")
    assert body == {
        "incomingCallContext": "CTX",
        "callbackUri": f"{PUBLIC}/azure/status",
        "mediaStreamingOptions": MEDIA,
    }
    return stream.removeprefix("wss://bot.example.com")


def from_azure(**changed: object) -> dict[str, str]:
    headers = carrier_signing.azure(time.time(), **changed)  # type: ignore[arg-type]
    return {**headers, "x-ms-call-connection-id": CALL}


async def opened(client: Client, path: str, headers: dict[str, str]) -> int:
    """Return 101 where the socket opens, else the status of the refusal."""
    try:
        async with client.ws_connect(path, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


async def heard(line: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Return the next audio of the bot."""
    async with asyncio.timeout(5):
        while True:
            told: dict[str, Any] = await line.receive_json()
            if told["Kind"] == "AudioData":
                return told


# ---------------------------------------------------------------- doors


async def test_event_grid_shows_the_api_token_and_is_answered_its_code() -> None:
    event = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d38b6"}}
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        for path, status in (("/azure/voice", 401), ("/azure/voice?token=wrong", 401), (VOICE, 200)):
            async with client.post(path, json=[event]) as response:
                assert response.status == status
        async with client.post(VOICE, json=[event]) as response:
            assert await response.json() == {"validationResponse": "512d38b6"}
        async with client.post("/azure/voice", json=[event], headers=from_azure()) as response:
            assert response.status == 401, "Call Automation's token is not Event Grid's"
    assert api.asked == []


async def test_a_stream_wants_azures_token_also_with_the_ticket_that_ordered_it() -> None:
    other = generate_private_key(public_exponent=65537, key_size=2048)
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        stream = await stream_of(client, api)
        assert await opened(client, stream, {}) == 401
        assert await opened(client, stream, from_azure(aud="another")) == 401
        assert await opened(client, stream, from_azure(key=other)) == 401
        assert await opened(client, stream, from_azure()) == 101
        assert await opened(client, stream, {**from_azure(), "Origin": "https://evil.example.com"}) == 403
        assert await opened(client, "/azure/stream", from_azure()) == 101
        assert await opened(client, f"/azure/stream?token={TOKEN}", {}) == 101


@pytest.mark.parametrize("path", ["/azure/status", f"/azure/status/{CALL}"])
async def test_callbacks_want_azures_token(path: str) -> None:
    event = {"type": "Microsoft.Communication.CallConnected", "data": {"callConnectionId": CALL}}
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        for headers, status in (({}, 403), (from_azure(iss="https://evil.example.com"), 403), (from_azure(), 200)):
            async with client.post(path, json=[event], headers=headers) as response:
                assert response.status == status
        async with client.post(f"{path}?token={TOKEN}", json=[event]) as response:
            assert response.status == 403


async def test_without_a_resource_id_a_server_that_others_reach_is_closed() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys, azure_resource_id="") as client:
        async with client.post(VOICE, json=[INCOMING]) as response:
            assert response.status == 403 and "BRIDGE_AZURE_RESOURCE_ID" in await response.text()
        async with client.post("/azure/status", json=[]) as response:
            assert response.status == 403
        assert await opened(client, "/azure/stream", {}) == 401


async def test_keys_are_fetched_once_and_not_for_whoever_makes_up_a_name() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        for name in ("key1", "key1", "made-up", "made-up-too"):
            await opened(client, "/azure/stream", from_azure(name=name))
        assert keys.fetched == ["/calling/.well-known/acsopenidconfiguration", "/calling/keys"]


async def test_while_the_keys_cannot_be_fetched_nobody_is_let_in() -> None:
    async with CarrierApi() as api, KeyServer(status=503) as keys, bridge(api, keys) as client:
        for headers in (from_azure(), from_azure()):
            async with client.post("/azure/status", json=[{}], headers=headers) as response:
                assert response.status == 403
        assert keys.fetched == ["/calling/.well-known/acsopenidconfiguration"], "a server that is down is left in peace"


# ---------------------------------------------------------------- calls that come in


async def test_a_call_is_answered_over_the_api_and_reaches_the_bot_with_all_that_is_told_of_it() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        stream = await stream_of(client, api)
        async with client.ws_connect(stream, headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
        [info] = Doing.calls
        assert (info.call_id, info.caller, info.callee, info.caller_name) == (CALL, "+4915", "+4930", "ANNA")
        assert info.parameters == {
            "From": "+4915",
            "To": "+4930",
            "CallerName": "ANNA",
            "CallSid": CALL,
            "shop": "7",
        }


async def test_the_id_of_a_call_is_what_azure_says_and_not_what_an_address_does() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        stream = await stream_of(client, api)
        async with client.ws_connect(f"{stream}?CallSid=other&From=%2B0&shop=8", headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
        [info] = Doing.calls
        assert (info.call_id, info.caller, info.parameters["shop"]) == (CALL, "+4915", "7")


async def test_the_requests_to_its_api_are_signed_with_the_access_key() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        await stream_of(client, api)
        [(_, _, _, authorization)] = api.asked
    assert authorization.startswith("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=")


async def test_an_access_key_that_is_none_is_told_and_the_call_is_not_answered() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys, azure_access_key="%%%") as client:
        async with client.post(VOICE, json=[INCOMING]) as response:
            assert response.status == 502
        assert api.asked == []


async def test_without_an_access_key_it_is_said_what_is_missing() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys, azure_access_key=None) as client:
        async with client.post(VOICE, json=[INCOMING]) as response:
            assert response.status == 501
            assert "BRIDGE_AZURE_API_URL, BRIDGE_AZURE_ACCESS_KEY" in await response.text()
        assert api.asked == []


async def test_when_all_lines_are_busy_a_call_is_turned_away() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys, max_calls=1) as client:
        stream = await stream_of(client, api)
        async with client.ws_connect(stream, headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
            async with client.post(VOICE, json=[INCOMING]) as response:
                assert response.status == 200
            _, path, body, _ = api.asked[1]
    assert path == f"/calling/callConnections:reject{VERSION}"
    assert body == {"incomingCallContext": "CTX", "callRejectReason": "busy"}


async def test_calls_that_are_told_of_together_are_all_answered() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        async with client.post(VOICE, json=[INCOMING, {"eventType": "other"}, INCOMING]) as response:
            assert response.status == 200
        assert [path for _, path, _, _ in api.asked] == 2 * [f"/calling/callConnections:answer{VERSION}"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"[7]", b"[[]]", b"[" * 10_000, b"null", b"[{}]" * 2, b'{"data": 7}'])
async def test_a_webhook_that_is_none_costs_nothing(body: bytes) -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        kind = {"Content-Type": "application/json"}
        for path, headers in ((VOICE, kind), ("/azure/status", {**kind, **from_azure()})):
            async with client.post(path, data=body, headers=headers) as response:
                assert response.status in {200, 400}
        async with client.post(VOICE, json=17 * [INCOMING]) as response:
            assert response.status == 400
    assert api.asked == []


# ---------------------------------------------------------------- what a bot does


@pytest.mark.parametrize(
    ("action", "path", "body"),
    [
        (
            Transfer("+49301"),
            f"{CALL}:transferToParticipant",
            {
                "targetParticipant": {"rawId": "4:+49301", "phoneNumber": {"value": "+49301"}},
                "sourceCallerIdNumber": {"value": "+4930"},
                "operationCallbackUri": f"{PUBLIC}/azure/status/{CALL}",
            },
        ),
        (
            Transfer("8:acs:a_b"),
            f"{CALL}:transferToParticipant",
            {
                "targetParticipant": {"rawId": "8:acs:a_b", "communicationUser": {"id": "8:acs:a_b"}},
                "operationCallbackUri": f"{PUBLIC}/azure/status/{CALL}",
            },
        ),
        (
            SendDtmf("1#"),
            f"{CALL}:sendDtmfTones",
            {
                "tones": ["one", "pound"],
                "targetParticipant": {"rawId": "4:+4915", "phoneNumber": {"value": "+4915"}},
            },
        ),
        (Hangup(), f"{CALL}:terminate", {}),
    ],
)
async def test_a_bot_transfers_sends_digits_and_hangs_up_over_the_api(action: Action, path: str, body: object) -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        Doing.then = [action]
        stream = await stream_of(client, api)
        async with client.ws_connect(stream, headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
            method, asked, told, _ = (await api.requests(2))[1]
    assert (method, asked, told) == ("POST", f"/calling/callConnections/{path}{VERSION}", body)


async def test_a_transfer_that_fails_after_all_is_told_to_the_bot_and_the_call_is_still_hung_up_in_the_end() -> None:
    failed = {
        "type": "Microsoft.Communication.CallTransferFailed",
        "data": {"callConnectionId": CALL, "resultInformation": {"code": 486, "message": "Busy here"}},
    }
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        Doing.then = [Transfer("+49301"), Hangup()]
        stream = await stream_of(client, api)
        async with client.ws_connect(stream, headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
            await api.requests(2)
            async with client.post(f"/azure/status/{CALL}", json=[failed], headers=from_azure()) as response:
                assert response.status == 200
            _, path, _, _ = (await api.requests(3))[2]
    assert Doing.failed == ["Azure says: Busy here"]
    assert path == f"/calling/callConnections/{CALL}:terminate{VERSION}"


async def test_a_call_whose_stream_ends_is_ended_at_azure_too_which_else_would_keep_it() -> None:
    async with CarrierApi() as api, KeyServer() as keys, bridge(api, keys) as client:
        stream = await stream_of(client, api)
        async with client.ws_connect(stream, headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
        _, path, _, _ = (await api.requests(2))[1]
    assert path == f"/calling/callConnections/{CALL}:terminate{VERSION}"


# ---------------------------------------------------------------- calls out


async def placed(client: Client) -> str:
    order = {"to": "+4930123456", "wire": "azure"}
    async with client.post("/calls", json=order, headers=KEY) as response:
        told = await response.json()
        assert (response.status, told["wire"]) == (202, "azure"), told
        return str(told["call_id"])


PLACED = {"POST /calling/callConnections": (201, {"callConnectionId": CALL})}


async def test_a_call_out_is_placed_over_the_api_and_talks_over_the_stream_that_comes_back() -> None:
    async with CarrierApi(PLACED) as api, KeyServer() as keys, bridge(api, keys) as client:
        call = await placed(client)
        [(_, path, body, _)] = await api.requests(1)
        assert path == f"/calling/callConnections{VERSION}"
        assert body == {
            "targets": [{"rawId": "4:+4930123456", "phoneNumber": {"value": "+4930123456"}}],
            "sourceCallerIdNumber": {"value": "+4930999"},
            "callbackUri": f"{PUBLIC}/azure/status/{call}",
            "mediaStreamingOptions": {**MEDIA, "transportUrl": f"wss://bot.example.com/azure/outbound/{call}"},
        }
        assert await opened(client, f"/azure/outbound/{call}", {}) == 401
        async with client.ws_connect(f"/azure/outbound/{call}", headers=from_azure()) as line:
            await line.send_json(METADATA)
            await heard(line)
        assert (await call_ended(client, call, KEY))[0] == "completed"
        [info] = Doing.calls
        assert (info.call_id, info.callee, info.direction) == (call, "+4930123456", "outbound")


@pytest.mark.parametrize(
    ("code", "outcome"), [(486, "busy"), (480, "no-answer"), (487, "no-answer"), (603, "refused"), (500, "failed")]
)
@pytest.mark.parametrize("kind", ["CreateCallFailed", "CallDisconnected"])
async def test_azure_says_why_nobody_answered(code: int, outcome: str, kind: str) -> None:
    async with CarrierApi(PLACED) as api, KeyServer() as keys, bridge(api, keys) as client:
        call = await placed(client)
        await api.requests(1)
        about = {"callConnectionId": CALL, "resultInformation": {"code": code, "subCode": 0, "message": "x"}}
        ringing = {"type": "Microsoft.Communication.CallConnected", "data": about}
        for event in (ringing, {"type": f"Microsoft.Communication.{kind}", "data": about}):
            async with client.post(f"/azure/status/{call}", json=[event], headers=from_azure()) as response:
                assert response.status == 200
        assert await call_ended(client, call, KEY) == (outcome, f"Azure says {code}")
