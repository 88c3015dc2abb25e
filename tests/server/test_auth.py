"""Who may come in, asked over a real connection."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from yarl import URL

from bridge.admission.lines import Busy, Lines
from bridge.server.auth import check_client, check_twilio, public_url
from bridge.settings import Settings, is_loopback

OPEN = "0.0.0.0"
TOKEN = "s3cret"
PUBLIC = "https://bot.example.com"
FORM = {"CallSid": "CA1", "From": "+4930123", "To": "+4930456", "Digits": ""}
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}

Client = TestClient[web.Request, web.Application]


def settings(**values: object) -> Settings:
    return Settings.model_validate(values)


@asynccontextmanager
async def door(rules: Settings) -> AsyncIterator[Client]:
    """A server that says "in" to whoever is admitted, and under /url its own public address."""

    async def client(request: web.Request) -> web.Response:
        check_client(request, rules)
        return web.Response(text="in")

    async def twilio(request: web.Request) -> web.Response:
        await check_twilio(request, rules)
        return web.Response(text="in")

    async def url(request: web.Request) -> web.Response:
        return web.Response(text=public_url(request, rules, socket="socket" in request.query))

    app = web.Application()
    app.add_routes([web.get("/ws", client), web.route("*", "/twilio", twilio), web.get("/url", url)])
    async with TestClient(TestServer(app)) as visitor:
        yield visitor


async def ws(rules: Settings, headers: Mapping[str, str] | None = None, query: str = "") -> int:
    async with door(rules) as visitor:
        return (await visitor.get(f"/ws{query}", headers=headers)).status


async def url(rules: Settings, headers: Mapping[str, str] | None = None, query: str = "") -> str:
    async with door(rules) as visitor:
        return await (await visitor.get(f"/url{query}", headers=headers)).text()


async def raw(rules: Settings, request: bytes) -> bytes:
    """Return the answer to a request that no decent client would send."""
    async with door(rules) as visitor:
        reader, writer = await asyncio.open_connection("127.0.0.1", visitor.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


# ---------------------------------------------------------------- lines


def test_lines_are_taken_and_given_back() -> None:
    lines = Lines(2)
    with lines.take(), lines.take():
        assert (lines.taken, lines.free, lines.empty.is_set()) == (2, False, False)
    assert (lines.taken, lines.free, lines.empty.is_set()) == (0, True, True)


def test_a_caller_too_many_is_told_to_come_back() -> None:
    lines = Lines(1)
    with lines.take():
        with pytest.raises(Busy, match="all 1 lines are busy"), lines.take():
            pass
        assert lines.taken == 1, "a refused call holds no line"
    with lines.take():
        assert lines.taken == 1


def test_a_call_that_fails_gives_its_line_back() -> None:
    lines = Lines(1)
    with pytest.raises(ZeroDivisionError), lines.take():
        raise ZeroDivisionError
    assert lines.free


def test_nobody_new_comes_in_while_the_server_goes_down() -> None:
    lines = Lines(5)
    lines.draining = True
    assert not lines.free
    with pytest.raises(Busy, match="shutting down"), lines.take():
        pass


async def test_empty_waits_for_the_last_call() -> None:
    lines = Lines(2)
    with lines.take():
        with lines.take():
            waiting = asyncio.create_task(lines.empty.wait())
        await asyncio.sleep(0)
        assert lines.taken == 1
        assert not waiting.done()
    await waiting


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_only_addresses_of_this_machine_are_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


# ---------------------------------------------------------------- clients


async def test_without_a_token_a_loopback_server_admits_and_an_open_one_only_when_told_to() -> None:
    assert await ws(settings()) == 200
    assert await ws(settings(host=OPEN)) == 403
    assert await ws(settings(host=OPEN, twilio_auth_token="x")) == 403, "Twilio's token protects Twilio's routes"
    assert await ws(settings(host=OPEN, insecure=True)) == 200


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": f"Bearer {TOKEN}"}, ""),
        ({"Authorization": f"bearer   {TOKEN} "}, ""),
        ({}, f"?token={TOKEN}"),
        ({"Authorization": f"Token {TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"token, {TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"bearer,{TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"realtime, openai-insecure-api-key.{TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"bearer.{TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"chat, bearer.{TOKEN}"}, ""),
        ({"Authorization": "Bearer wrong"}, f"?token={TOKEN}"),
    ],
)
async def test_the_token_is_taken_from_header_query_or_subprotocol(headers: dict[str, str], query: str) -> None:
    assert await ws(settings(api_token=TOKEN), headers, query) == 200


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"Authorization": "Bearer wrong"}, ""),
        ({"Authorization": "Token wrong"}, ""),
        ({"Sec-WebSocket-Protocol": f"{TOKEN}"}, ""),
        ({"Sec-WebSocket-Protocol": f"{TOKEN}, token"}, ""),
        ({"Sec-WebSocket-Protocol": "openai-insecure-api-key.wrong"}, ""),
        ({"Authorization": "Bearer"}, ""),
        ({"Authorization": "Bearer "}, ""),
        ({"Authorization": TOKEN}, ""),
        ({"Authorization": f"Basic {TOKEN}"}, ""),
        ({"Authorization": f"Bearer {TOKEN}x"}, ""),
        ({"Authorization": f"Bearer {TOKEN.upper()}"}, ""),
        ({}, "?token="),
        ({}, f"?Token={TOKEN}"),
        ({"Sec-WebSocket-Protocol": TOKEN}, ""),
        ({"Sec-WebSocket-Protocol": "bearer."}, ""),
        ({"Authorization": "Bearer \N{EURO SIGN}"}, ""),
        ({}, "?token=%ff%fe"),
        ({}, "?token=%ed%a0%80"),
        ({"Authorization": "Bearer " + "x" * 4000}, ""),
    ],
)
async def test_without_the_right_token_nobody_comes_in(headers: dict[str, str], query: str) -> None:
    assert await ws(settings(api_token=TOKEN), headers, query) == 401


async def test_a_token_need_not_be_ascii() -> None:
    rules = settings(api_token="Schlüssel \N{KEY}")
    assert await ws(rules, {"Authorization": "Bearer Schlüssel \N{KEY}"}) == 200
    assert await ws(rules, query="?token=Schl%C3%BCssel%20%F0%9F%94%91") == 200
    assert await ws(rules, {"Authorization": "Bearer Schlussel"}) == 401


async def test_a_page_of_another_site_is_refused_unless_allowed() -> None:
    evil = {"Origin": "https://evil.example"}
    assert await ws(settings(), evil) == 403
    assert await ws(settings(api_token=TOKEN), evil | {"Authorization": f"Bearer {TOKEN}"}) == 403
    assert await ws(settings(allowed_origins=("https://evil.example",)), evil) == 200
    assert await ws(settings(allowed_origins=("*",)), evil) == 200
    assert await ws(settings(allowed_origins=("https://evil.example.com",)), evil) == 403


async def test_our_own_page_may_connect() -> None:
    async with door(settings()) as visitor:
        own = f"http://127.0.0.1:{visitor.port}"
        assert (await visitor.get("/ws", headers={"Origin": own})).status == 200
        assert (await visitor.get("/ws", headers={"Origin": "http://127.0.0.1:1"})).status == 403


@pytest.mark.parametrize("origin", ["null", "http://[", "not a url", "//", "http://"])
async def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    assert await ws(settings(), {"Origin": origin}) == 403


async def test_a_name_that_resolves_to_this_machine_does_not_make_a_page_ours() -> None:
    rebound = {"Origin": "http://evil.example:8000", "Host": "evil.example:8000"}
    assert await ws(settings(), rebound) == 403
    assert await ws(settings(public_url="https://bot.example.com"), rebound) == 403
    tunnel = {"Origin": "https://bot.example.com", "Host": "bot.example.com", "Authorization": f"Bearer {TOKEN}"}
    assert await ws(settings(public_url="https://bot.example.com", api_token=TOKEN), tunnel) == 200


async def test_no_web_page_opens_the_door_for_twilio() -> None:
    async with door(settings()) as visitor:
        assert (await visitor.get("/twilio", headers={"Origin": "http://localhost"})).status == 403
        assert (await visitor.get("/twilio")).status == 200


async def test_of_several_proxies_the_outermost_is_believed() -> None:
    headers = {"X-Forwarded-Host": "bot.example.com, inner", "X-Forwarded-Proto": "https,http"}
    assert await url(settings(trust_proxy_headers=True), headers) == "https://bot.example.com"


async def test_an_allowed_origin_without_the_token_stays_outside() -> None:
    rules = settings(api_token=TOKEN, allowed_origins=("https://page.example",))
    assert await ws(rules, {"Origin": "https://page.example"}) == 401


async def test_a_page_cannot_pass_as_ours_by_leaving_the_host_out() -> None:
    assert b" 403 " in await raw(settings(), b"GET /ws HTTP/1.0\r\nOrigin: http://\r\n\r\n")


@pytest.mark.parametrize("header", [b"Authorization: Bearer \xff\xfe", b"Sec-WebSocket-Protocol: bearer.\xff"])
async def test_a_token_that_is_no_text_is_a_wrong_one(header: bytes) -> None:
    assert b" 401 " in await raw(settings(api_token=TOKEN), b"GET /ws HTTP/1.0\r\n" + header + b"\r\n\r\n")


async def test_an_origin_that_is_no_text_is_refused() -> None:
    assert b" 403 " in await raw(settings(), b"GET /ws HTTP/1.0\r\nOrigin: https://\xff\r\n\r\n")


# ---------------------------------------------------------------- Twilio


def signature(url: str, form: Mapping[str, str] | None = None, *, token: str = TOKEN) -> dict[str, str]:
    signed: str = RequestValidator(token).compute_signature(url, form or {})
    return {"X-Twilio-Signature": signed}


SIGNED = settings(twilio_auth_token=TOKEN, public_url=PUBLIC)


async def test_a_webhook_that_twilio_signed_comes_in() -> None:
    async with door(SIGNED) as visitor:
        answer = await visitor.post("/twilio", data=FORM, headers=signature(f"{PUBLIC}/twilio", FORM))
        assert answer.status == 200


async def test_the_query_is_signed_as_it_was_written() -> None:
    query = "/twilio?shop=a%20b&x=%2F&y=%7e"
    async with door(SIGNED) as visitor:
        url = URL(f"http://127.0.0.1:{visitor.port}{query}", encoded=True)
        answer = await visitor.session.post(url, data=FORM, headers=signature(PUBLIC + query, FORM))
        assert answer.status == 200


async def test_many_values_under_one_name_are_signed_together() -> None:
    async with door(SIGNED) as visitor:
        form = MultiDict([("Media", "b"), ("Media", "a")])
        answer = await visitor.post("/twilio", data=form, headers=signature(f"{PUBLIC}/twilio", form))
        assert answer.status == 200


async def test_an_upgrade_is_signed_with_the_address_of_the_socket() -> None:
    async with door(SIGNED) as visitor:
        for address, status in (("wss://bot.example.com/twilio", 200), ("https://bot.example.com/twilio", 403)):
            answer = await visitor.get("/twilio", headers=UPGRADE | signature(address))
            assert answer.status == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"X-Twilio-Signature": "\N{EURO SIGN}" * 28},
        signature(f"{PUBLIC}/twilio", FORM, token="another"),
        signature(f"{PUBLIC}/other", FORM),
        signature("http://bot.example.com/twilio", FORM),
        signature(f"{PUBLIC}/twilio", FORM | {"To": "+1900"}),
        signature(f"{PUBLIC}/twilio"),
    ],
)
async def test_a_webhook_that_twilio_did_not_sign_stays_outside(headers: dict[str, str]) -> None:
    async with door(SIGNED) as visitor:
        assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == 403


PREFIX = "https://bot.example.com/bridge"


@pytest.mark.parametrize("public_url", [PREFIX, f"{PREFIX}/"])
async def test_behind_a_proxy_that_strips_a_prefix_the_address_with_it_is_signed(public_url: str) -> None:
    async with door(settings(twilio_auth_token=TOKEN, public_url=public_url)) as visitor:
        headers = signature(f"{PREFIX}/twilio", FORM)
        assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == 200
        headers = signature(f"{PUBLIC}/twilio", FORM)
        assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == 403
        socket = UPGRADE | signature("wss://bot.example.com/bridge/twilio")
        assert (await visitor.get("/twilio", headers=socket)).status == 200


async def test_a_get_is_signed_with_its_query() -> None:
    query = "/twilio?CallSid=CA1&From=%2B4930123&CallerName=M%C3%BCller%20A"
    async with door(SIGNED) as visitor:
        url = URL(f"http://127.0.0.1:{visitor.port}{query}", encoded=True)
        assert (await visitor.session.get(url, headers=signature(PUBLIC + query))).status == 200
        assert (await visitor.session.get(url, headers=signature(f"{PUBLIC}/twilio"))).status == 403
        changed = URL(str(url).replace("CA1", "CA2"), encoded=True)
        assert (await visitor.session.get(changed, headers=signature(PUBLIC + query))).status == 403


def by_shared_key(url: str, algorithm: str = "HMAC_SHA256", *, key: str = "shared", **said: str) -> dict[str, str]:
    known: str = RequestValidator(key).compute_signature(url, FORM, algorithm)
    named = f"key=webhooks_sharedkey_1,algorithm={said.get('named', algorithm)}"
    return {"X-Twilio-Signature": known, "X-Twilio-Webhooks-Signature-Settings": named}


@pytest.mark.parametrize("auth_token", [None, TOKEN])
async def test_a_webhook_that_a_shared_key_signed_comes_in(auth_token: str | None) -> None:
    url = f"{PUBLIC}/twilio"
    rules = settings(twilio_shared_key="shared", twilio_auth_token=auth_token, public_url=PUBLIC)
    async with door(rules) as visitor:
        for headers, status in (
            (by_shared_key(url), 200),
            (by_shared_key(url, "HMAC_SHA1"), 200),
            (by_shared_key(url, key="other"), 403),
            (by_shared_key(url, named="HMAC_SHA1"), 403),
            (by_shared_key(url, named="HMAC_SHA512"), 403),
            (by_shared_key(url, key=TOKEN), 403),
            (signature(url, FORM), 200 if auth_token else 403),
            ({}, 403),
        ):
            assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == status, headers


async def test_a_shared_key_that_is_not_known_here_is_told_of() -> None:
    async with door(SIGNED) as visitor:
        answer = await visitor.post("/twilio", data=FORM, headers=by_shared_key(f"{PUBLIC}/twilio"))
        assert answer.status == 403 and "--twilio-shared-key-file" in await answer.text()


async def test_a_body_that_is_no_form_is_signed_by_its_hash() -> None:
    body = b'{"CallSid": "CA1"}'
    query = f"/twilio?bodySHA256={sha256(body).hexdigest()}"
    async with door(SIGNED) as visitor:
        headers = {"Content-Type": "application/json"} | signature(PUBLIC + query)
        assert (await visitor.post(query, data=body, headers=headers)).status == 200
        assert (await visitor.post(query, data=body + b" ", headers=headers)).status == 403


async def test_the_host_that_a_request_claims_counts_for_nothing_beside_the_public_url() -> None:
    async with door(SIGNED) as visitor:
        forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        headers = forged | signature("https://evil.example/twilio", FORM)
        assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == 403
        headers = forged | signature(f"{PUBLIC}/twilio", FORM)
        assert (await visitor.post("/twilio", data=FORM, headers=headers)).status == 200


async def test_a_file_in_the_form_is_refused_and_breaks_nothing() -> None:
    async with door(SIGNED) as visitor:
        body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nhi\r\n--x--\r\n'
        multipart = signature(f"{PUBLIC}/twilio") | {"Content-Type": "multipart/form-data; boundary=x"}
        assert (await visitor.post("/twilio", data=body, headers=multipart)).status == 403


async def test_without_a_token_twilio_is_admitted_on_loopback_and_elsewhere_only_when_told_to() -> None:
    for rules, status in (
        (settings(), 200),
        (settings(host=OPEN), 403),
        (settings(host=OPEN, api_token="x"), 403),
        (settings(host=OPEN, insecure=True), 200),
    ):
        async with door(rules) as visitor:
            assert (await visitor.post("/twilio", data=FORM)).status == status


# ---------------------------------------------------------------- our own address


async def test_the_public_url_is_the_configured_one() -> None:
    assert await url(SIGNED) == "https://bot.example.com"
    assert await url(SIGNED, query="?socket") == "wss://bot.example.com"
    assert await url(settings(public_url="https://bot.example.com:8443/"), query="?socket") == (
        "wss://bot.example.com:8443"
    )


async def test_headers_of_a_proxy_count_only_where_they_are_trusted() -> None:
    proxied = {"Host": "inner:8000", "X-Forwarded-Host": "bot.example.com", "X-Forwarded-Proto": "https"}
    trusting = settings(trust_proxy_headers=True)
    assert await url(trusting, proxied) == "https://bot.example.com"
    assert await url(trusting, proxied, "?socket") == "wss://bot.example.com"
    assert await url(trusting, {"Host": "inner:8000"}) == "http://inner:8000"
    assert await url(settings(), proxied) == "http://inner:8000"
    assert await url(settings(), proxied, "?socket") == "ws://inner:8000"
    assert await url(settings(public_url=PUBLIC, trust_proxy_headers=True), {"X-Forwarded-Host": "x"}) == PUBLIC


@pytest.mark.parametrize("name", ['[^"]', "[::1", "bot.example.com:port"])
async def test_a_header_that_names_no_host_is_refused_where_our_address_is_read_from_it(name: str) -> None:
    async with door(settings(trust_proxy_headers=True, insecure=True)) as visitor:
        assert (await visitor.get("/url", headers={"X-Forwarded-Host": name})).status == 421
        page = {"X-Forwarded-Host": name, "Origin": "https://bot.example.com"}
        assert (await visitor.get("/ws", headers=page)).status == 421


async def test_a_request_without_a_host_gets_no_address_and_asks_no_resolver() -> None:
    assert (await raw(settings(), b"GET /url HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\nhttp://")
