"""Carriers' doors: both ask by default, and each lets in what the carrier signed, or what our own answer ordered."""

import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
import carrier_signing
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bridge.server.access.doors import who_comes_in
from bridge.server.app import make_app
from bridge.settings import Settings

Client = TestClient[web.Request, web.Application]
PUBLIC = "https://bot.example.com"
FORM = {"CallSid": "v3:abc", "AccountSid": "acc", "From": "+4915", "To": "+4930"}
SIGNED = {"telnyx_public_key": carrier_signing.TELNYX_KEY, "public_url": PUBLIC, "api_token": "k3y-k3y-k3y-k3y-"}


@asynccontextmanager
async def bridge(**options: object) -> AsyncIterator[Client]:
    rules = Settings.model_validate({"records": "none", **options})
    async with TestClient(TestServer(make_app(rules, RESOURCES))) as client:
        yield client


async def voice(client: Client, form: Mapping[str, str] = FORM, *, now_s: float | None = None, path: str = "") -> str:
    """Have Telnyx ask; return the status and the answer."""
    body = urlencode(form).encode()
    headers = carrier_signing.telnyx(body, time.time() if now_s is None else now_s)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    async with client.post(path or "/telnyx/voice", data=body, headers=headers) as response:
        return f"{response.status} {await response.text()}"


async def opened(client: Client, path: str, **headers: str) -> int:
    """Return 101 where the socket opens, else the status of the refusal."""
    try:
        async with client.ws_connect(path, headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


def stream_in(answer: str) -> str:
    found = re.search(r'url="wss://bot\.example\.com(/telnyx/stream/[\w.-]+)"', answer)
    assert found, answer
    return found[1]


async def test_what_telnyx_signed_is_answered_with_a_stream_that_opens() -> None:
    async with bridge(**SIGNED) as client:
        answer = await voice(client)
        assert answer.startswith("200 ") and 'bidirectionalMode="rtp"' in answer
        assert await opened(client, stream_in(answer)) == 101
        assert (await voice(client, path="/telnyx/voice/")).startswith("200")


async def test_what_telnyx_did_not_sign_is_refused() -> None:
    async with bridge(**SIGNED) as client:
        async with client.post("/telnyx/voice", data=FORM) as response:
            assert response.status == 403
        async with client.get("/telnyx/voice", params=FORM) as response:
            assert response.status == 403
        assert (await voice(client, now_s=time.time() - 400)).startswith("403")


async def test_the_socket_takes_a_ticket_or_the_api_token_and_nothing_else() -> None:
    async with bridge(**SIGNED) as client:
        ticket = stream_in(await voice(client))
        assert await opened(client, "/telnyx/stream") == 401
        assert await opened(client, ticket[:-1]) == 401
        assert await opened(client, "/telnyx/stream/x.y") == 401
        assert await opened(client, ticket.replace("telnyx", "twilio")) in {403, 404}
        assert await opened(client, "/telnyx/stream?token=wrong") == 401
        assert await opened(client, "/telnyx/stream?token=k3y-k3y-k3y-k3y-") == 101
        assert await opened(client, ticket, Origin="https://evil.example.com") == 403


async def test_a_key_without_an_api_token_closes_the_socket_too() -> None:
    async with bridge(telnyx_public_key=carrier_signing.TELNYX_KEY) as client:
        assert await opened(client, "/telnyx/stream") == 403
        async with client.post("/telnyx/voice", data=FORM) as response:
            assert response.status == 403


async def test_without_a_key_a_server_that_others_reach_is_closed() -> None:
    async with bridge(public_url=PUBLIC) as client:
        async with client.post("/telnyx/voice", data=FORM) as response:
            assert response.status == 403
            assert "BRIDGE_TELNYX_PUBLIC_KEY" in await response.text()
        assert await opened(client, "/telnyx/stream") == 403


async def test_without_a_key_this_machine_may_come_in_but_no_web_page() -> None:
    async with bridge() as client:
        async with client.post("/telnyx/voice", data=FORM) as response:
            assert response.status == 200
        assert await opened(client, "/telnyx/stream") == 101
        assert await opened(client, "/telnyx/stream", Origin="http://127.0.0.1") == 403


def test_the_operator_is_told_who_comes_in() -> None:
    told = dict(who_comes_in(Settings.model_validate(SIGNED)))
    [who] = [who for doors, who in told.items() if "/telnyx/..." in doors]
    assert who == "Telnyx, by its signature"
    closed = dict(who_comes_in(Settings.model_validate({"public_url": PUBLIC})))
    assert closed["/telnyx/..."] == "nobody: set BRIDGE_TELNYX_PUBLIC_KEY"
    open_here = dict(who_comes_in(Settings()))
    assert [who for doors, who in open_here.items() if "/telnyx/..., /plivo/..." in doors] == [
        "everyone on this machine"
    ]


@pytest.mark.parametrize("maker", ["Plivo", "Vobiz"])
async def test_plivos_webhooks_are_signed_by_their_address_and_form(maker: str) -> None:
    name, form = maker.lower(), {"CallUUID": "c1", "From": "+4915", "To": "+4930"}
    url = f"{PUBLIC}/{name}/voice"
    async with bridge(**{f"{name}_auth_token": "t0ken"}, public_url=PUBLIC) as client:
        headers = carrier_signing.plivo("t0ken", url, form, maker=maker)
        async with client.post(f"/{name}/voice", data=form, headers=headers) as response:
            answer = await response.text()
            assert response.status == 200 and 'bidirectional="true" keepCallAlive="true"' in answer
        found = re.search(rf">wss://bot\.example\.com(/{name}/stream/[\w.-]+)<", answer)
        assert found and await opened(client, found[1]) == 101
        assert await opened(client, f"/{name}/stream") == 403
        for wrong in (
            carrier_signing.plivo("other", url, form, maker=maker),
            {},
            {**headers, f"X-{maker}-Signature-V3-Nonce": "n2"},
        ):
            async with client.post(f"/{name}/voice", data=form, headers=wrong) as response:
                assert response.status == 403
        async with client.post(f"/{name}/transfer?to=%2B49", data=form, headers=headers) as response:
            assert response.status == 403


async def test_vonages_webhooks_and_sockets_have_its_token() -> None:
    asked = "/vonage/voice?to=442079460000&from=447700900000&uuid=c1&shop=7"
    async with bridge(vonage_signature_secret="s3cret", public_url=PUBLIC) as client:
        token = {"Authorization": f"Bearer {carrier_signing.jwt('s3cret', {'iat': time.time()})}"}
        async with client.get(asked, headers=token) as response:
            [connect] = await response.json()
            [endpoint] = connect["endpoint"]
            assert response.status == 200
        path = endpoint.pop("uri").removeprefix("wss://bot.example.com")
        assert endpoint == {
            "type": "websocket",
            "content-type": "audio/l16;rate=16000",
            "headers": {"CallSid": "c1"},
            "authorization": {"type": "vonage"},
        }
        assert await opened(client, path) == 101
        assert await opened(client, "/vonage/stream", **token) == 101
        assert await opened(client, "/vonage/stream") == 403
        for wrong in ({}, {"Authorization": f"Bearer {carrier_signing.jwt('other', {'iat': time.time()})}"}):
            async with client.get(asked, headers=wrong) as response:
                assert response.status == 403
            async with client.post("/vonage/status", json={}, headers=wrong) as response:
                assert response.status == 403


async def test_signalwires_webhooks_are_signed_as_twilio_signs() -> None:
    form = {"CallSid": "c1", "From": "+4915", "To": "+4930"}
    async with bridge(signalwire_signing_key="k3y", public_url=PUBLIC) as client:
        signature = RequestValidator("k3y").compute_signature(f"{PUBLIC}/signalwire/voice", form)
        for name, status in (("X-SignalWire-Signature", 200), ("X-Twilio-Signature", 200), ("X-Other", 403)):
            async with client.post("/signalwire/voice", data=form, headers={name: signature}) as response:
                assert response.status == status
        async with client.post(
            "/signalwire/voice", data=form, headers={"X-SignalWire-Signature": "x" * 28}
        ) as response:
            assert response.status == 403


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (
            "/exotel/voice?CallSid=c1&CallFrom=%2B4915&CallTo=%2B4930",
            r'{"url": "wss://bot\.example\.com(\S+)\?sample-rate=8000"}',
        ),
        ("/2600hz/voice?Call-ID=c1&From=%2B4915&To=%2B4930", r'<Stream url="wss://bot\.example\.com(\S+)"/>'),
    ],
)
async def test_carriers_that_sign_nothing_show_the_api_token(path: str, answer: str) -> None:
    async with bridge(public_url=PUBLIC, api_token="k3y-k3y-k3y-k3y-") as client:
        for token, status in (("", 401), ("&token=wrong", 401), ("&token=k3y-k3y-k3y-k3y-", 200)):
            async with client.get(path + token) as response:
                assert response.status == status
        async with client.get(f"{path}&token=k3y-k3y-k3y-k3y-") as response:
            told = await response.text()
        found = re.search(answer, told)
        assert found and "k3y" not in told and len(found[1]) < 500
        assert await opened(client, found[1]) == 101
        assert await opened(client, path.partition("voice")[0] + "stream") == 401


async def test_a_post_that_says_it_is_a_socket_is_verified_with_its_body() -> None:
    body = b'{"uuid":"c1"}'
    token = {"Authorization": f"Bearer {carrier_signing.jwt('s3cret', {'iat': time.time()})}"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Content-Type": "application/json"}
    async with bridge(vonage_signature_secret="s3cret", public_url=PUBLIC) as client:
        for headers in (token, {**token, **upgrade}):
            async with client.post("/vonage/voice", data=body, headers=headers) as response:
                assert response.status == 403
