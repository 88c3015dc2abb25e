"""What stands before every route, asked over real connections."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from bridge import logs
from bridge.server.app import make_app
from bridge.server.auth import with_api_token
from bridge.settings import Settings

PUBLIC = {"public_url": "https://bot.example.com"}
PROXY = {"trust_proxy_headers": True}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
CLIENTS = [
    *(
        ("GET", path)
        for path in ("/ws", "/talk", "/jambonz", "/audiostream", "/asterisk/media", "/metrics", "/calls/x")
    ),
    *(("POST", path) for path in ("/calls", "/asterisk/connect")),
]
TWILIOS = [
    ("POST", "/twilio/voice"),
    ("GET", "/twilio/stream"),
    ("GET", "/twilio/stream/x"),
    ("POST", "/twilio/status/x"),
]


@asynccontextmanager
async def bridge(**options: object) -> AsyncIterator[Client]:
    settings = with_api_token(Settings.model_validate(options))
    async with TestClient(TestServer(make_app(settings, RESOURCES))) as client:
        yield client


async def status(client: Client, method: str, path: str, headers: Mapping[str, str] | None = None) -> int:
    async with client.request(method, path, headers=headers) as response:
        return response.status


async def raw(client: Client, request: bytes) -> bytes:
    """Return the first line of the answer to a request that no decent client would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(request)
    line = await reader.readline()
    writer.close()
    return line


async def metrics(client: Client, token: str = "") -> str:
    async with client.get("/metrics", headers={"Authorization": f"Bearer {token}"}) as response:
        return await response.text()


# ---------------------------------------------------------------- behind a proxy or a tunnel


@pytest.mark.parametrize("options", [PUBLIC, PROXY, PUBLIC | {"twilio_auth_token": "t"}])
async def test_behind_a_tunnel_no_door_for_clients_is_open(options: dict[str, object]) -> None:
    async with bridge(**options) as client:
        for method, path in CLIENTS:
            assert await status(client, method, path) == 401, path
            assert await status(client, method, path, {"Authorization": "Bearer wrong"}) == 401, path
        assert await status(client, "GET", "/", UPGRADE) == 401, "the socket at the front"
        for method, path in TWILIOS:
            assert await status(client, method, path) == 403, path


async def test_behind_a_tunnel_the_page_and_the_health_are_there_for_all() -> None:
    async with bridge(**PUBLIC) as client:
        assert await status(client, "GET", "/") == await status(client, "GET", "/healthz") == 200
        assert await status(client, "GET", "/web/page.js") == 200


async def test_the_token_that_was_made_opens_the_doors() -> None:
    settings = with_api_token(Settings.model_validate(PUBLIC))
    assert settings.api_token
    token = settings.api_token.get_secret_value()
    assert len(token) >= 32
    async with TestClient(TestServer(make_app(settings, RESOURCES))) as client:
        assert await status(client, "GET", f"/metrics?token={token}") == 200


def test_a_token_is_made_only_where_one_is_needed_and_each_is_another() -> None:
    public = Settings.model_validate(PUBLIC)
    assert with_api_token(public).api_token != with_api_token(public).api_token
    for options in ({}, PUBLIC | {"insecure": True}, PUBLIC | {"api_token": "mine"}):
        settings = Settings.model_validate(options)
        assert with_api_token(settings) is settings


async def test_insecure_leaves_the_doors_open() -> None:
    async with bridge(**PUBLIC, insecure=True) as client:
        assert await status(client, "GET", "/metrics", {"Host": "anything"}) == 200
        assert await status(client, "POST", "/twilio/voice") == 200


async def test_behind_a_proxy_our_own_page_may_connect() -> None:
    async with bridge(**PROXY, api_token="k") as client:
        key = {"Authorization": "Bearer k", "X-Forwarded-Host": "bot.example.com", "X-Forwarded-Proto": "https"}
        assert await status(client, "GET", "/metrics", key | {"Origin": "https://bot.example.com"}) == 200
        assert await status(client, "GET", "/metrics", key | {"Origin": "https://evil.example"}) == 403


# ---------------------------------------------------------------- names of this machine


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "[", "a@b"]
)
async def test_on_loopback_a_name_that_is_not_this_machines_is_refused_on_every_route(host: str) -> None:
    async with bridge() as client:
        everywhere = [*CLIENTS, *TWILIOS, ("GET", "/"), ("GET", "/web/page.js"), ("GET", "/healthz"), ("GET", "/none")]
        for method, path in everywhere:
            assert await status(client, method, path, {"Host": host}) == 421, path
        assert await status(client, "GET", "/ws", UPGRADE | {"Host": host}) == 421


async def test_the_refusal_says_what_to_do() -> None:
    async with bridge() as client, client.get("/metrics", headers={"Host": "bot.example.com"}) as response:
        text = await response.text()
    assert "'bot.example.com'" in text and "--public-url https://NAME" in text


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:1", "127.9.9.9", "[::1]:8000"]
)
async def test_names_of_this_machine_come_in(host: str) -> None:
    async with bridge() as client:
        assert await status(client, "GET", "/metrics", {"Host": host}) == 200


async def test_who_sends_no_host_is_no_browser() -> None:
    async with bridge() as client:
        assert b" 200 " in await raw(client, b"GET /healthz HTTP/1.0\r\n\r\n")


async def test_a_server_of_the_network_has_any_name() -> None:
    async with bridge(host="0.0.0.0", api_token="k") as client:
        assert await status(client, "GET", "/healthz", {"Host": "bridge.example"}) == 200


# ---------------------------------------------------------------- what a refusal leaves behind


def refused(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("refused")]


@pytest.mark.parametrize(
    ("request_", "headers", "door", "reason"),
    [
        (("GET", "/talk"), {}, "talk", "no_token"),
        (("GET", "/ws"), {"Authorization": "Bearer wrong"}, "plain", "wrong_token"),
        (("GET", "/asterisk/media?token=wrong"), {}, "asterisk", "wrong_token"),
        (("POST", "/asterisk/connect"), {}, "asterisk", "no_token"),
        (("POST", "/calls"), {}, "calls", "no_token"),
        (("GET", "/metrics"), {"Origin": "https://evil.example"}, "metrics", "origin"),
        (("POST", "/twilio/voice"), {"X-Twilio-Signature": "x" * 28}, "twilio", "signature"),
        (("GET", "/twilio/stream/x"), {}, "twilio", "signature"),
    ],
)
async def test_a_refusal_leaves_a_line_and_a_count(
    request_: tuple[str, str], headers: dict[str, str], door: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge(**PUBLIC, api_token="k", twilio_auth_token="t") as client:
        assert await status(client, *request_, headers) in {401, 403}
        [line] = refused(caplog)
        assert line.startswith(f"refused 127.0.0.1 at the door {door}: ")
        assert f'bridge_refused_total{{door="{door}",reason="{reason}"}} 1.0' in await metrics(client, "k")


async def test_a_wrong_signature_tells_the_operator_the_url_that_was_verified(caplog: pytest.LogCaptureFixture) -> None:
    async with bridge(**PUBLIC, twilio_auth_token="t") as client:
        await status(client, "POST", "/twilio/voice?shop=7")
        await status(client, "GET", "/twilio/stream", UPGRADE)
    webhook, stream = refused(caplog)
    assert "https://bot.example.com/twilio/voice?shop=7" in webhook and "--public-url" in webhook
    assert "wss://bot.example.com/twilio/stream:" in stream


async def test_a_closed_door_and_a_foreign_name_are_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    async with bridge(host="0.0.0.0", twilio_auth_token="t") as client:
        assert await status(client, "POST", "/twilio/voice") == 403
    async with bridge() as client:
        await status(client, "GET", "/none", {"Host": "evil.example"})
        assert 'reason="host"' in await metrics(client)
    assert "evil.example" in refused(caplog)[-1]


async def test_behind_a_trusted_proxy_the_line_names_the_peer_that_the_proxy_saw(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forwarded = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    async with bridge(**PROXY) as client:
        await status(client, "GET", "/talk", forwarded)
    async with bridge(**PUBLIC) as client:
        await status(client, "GET", "/talk", forwarded)
    believed, own = refused(caplog)
    assert believed.startswith("refused 192.0.2.7 at") and own.startswith("refused 127.0.0.1 at")


async def test_no_token_and_no_password_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.TextLines())
    logging.getLogger().addHandler(handler)
    try:
        async with bridge(**PUBLIC, twilio_auth_token="t") as client:
            await status(client, "GET", "/talk?token=almost-right")
            await status(client, "POST", "/twilio/voice?api_key=hush-hush")
    finally:
        logging.getLogger().removeHandler(handler)
    assert "/twilio/voice" in stream.getvalue()
    assert "almost-right" not in stream.getvalue() and "hush-hush" not in stream.getvalue()


async def test_a_number_that_may_not_be_called_leaves_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    async with bridge() as client:
        async with client.post("/calls", json={"to": "+1900555"}) as response:
            assert response.status == 403 and "--dial-allow" in (await response.json())["error"]
        assert 'bridge_refused_total{door="calls",reason="number"} 1.0' in await metrics(client)
    assert "+1900555" in refused(caplog)[0]


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize(
    ("options", "headers", "peer"),
    [({}, {}, "127.0.0.1"), (PROXY | {"api_token": "k"}, {"X-Forwarded-For": "192.0.2.7"}, "192.0.2.7")],
)
async def test_the_line_of_a_call_has_its_peer(
    options: dict[str, object], headers: dict[str, str], peer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with bridge(**options) as client:
        socket = await client.ws_connect("/talk?token=k", headers=headers)
        await socket.send_bytes(bytes(2048))  # audio: the call begins
        await socket.close()
    assert any(f" over talk, peer {peer}" in record.getMessage() for record in caplog.records)


def signature(path: str, form: Mapping[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator("t").compute_signature(f"https://bot.example.com{path}", dict(form))}


async def test_twilio_comes_in_by_its_signature_without_a_token() -> None:
    form = {"From": "+4930123", "CallSid": "CA1"}
    headers = signature("/twilio/voice", form)
    async with (
        bridge(**PUBLIC, twilio_auth_token="t") as client,
        client.post("/twilio/voice", data=form, headers=headers) as response,
    ):
        assert response.status == 200 and "wss://bot.example.com/twilio/stream" in await response.text()


@pytest.mark.parametrize("path", ["/twilio/voice", "/twilio/voice/"])
@pytest.mark.parametrize("prefix", ["", "/bridge"])
async def test_twilio_may_ask_by_post_or_get_with_a_slash_at_the_end_or_without(path: str, prefix: str) -> None:
    form = {"From": "+4930123", "CallSid": "CA1", "CallerName": "A B", "StirVerstat": "TN-Validation-Passed-A"}
    options = {"public_url": f"https://bot.example.com{prefix}", "twilio_auth_token": "t"}
    query = f"{path}?{urlencode(form)}"
    async with bridge(**options) as client:
        for method, target, fields in (("POST", path, form), ("GET", query, {})):
            headers = signature(f"{prefix}{target}", fields)
            async with client.request(method, target, data=fields or None, headers=headers) as response:
                twiml = await response.text()
            assert response.status == 200 and f"wss://bot.example.com{prefix}/twilio/stream" in twiml
            assert 'name="CallerName" value="A B"' in twiml and 'value="TN-Validation-Passed-A"' in twiml
            async with client.request(method, target, data=fields or None) as response:
                assert response.status == 403


@pytest.mark.parametrize("path", ["/twilio/stream", "/twilio/stream/"])
async def test_the_stream_may_be_asked_for_with_a_slash_at_the_end(path: str) -> None:
    address = f"wss://bot.example.com{path}"
    async with bridge(**PUBLIC, twilio_auth_token="t") as client:
        headers = {"X-Twilio-Signature": RequestValidator("t").compute_signature(address, {})}
        socket = await client.ws_connect(path, headers=headers)
        await socket.close()
        assert await status(client, "GET", path, UPGRADE) == 403
