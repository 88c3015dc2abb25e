"""Whatever is sent as a form is a form or is refused, and soon."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.server.access.forms import read_form
from bridge.server.access.refused import TooSlow
from bridge.server.app import make_app
from bridge.server.app_keys import METRICS
from bridge.server.lifecycle.server import make_runner
from bridge.settings import Settings

FORM = "application/x-www-form-urlencoded"
SIGNED = {"public_url": "https://bot.example.com", "twilio_auth_token": "t"}


@asynccontextmanager
async def bridge(**options: object) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(Settings.model_validate(options), RESOURCES))) as client:
        yield client


async def answer(client: Client, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> tuple[int, str]:
    headers = {"Content-Type": kind, **(more or {})}
    async with client.post("/twilio/voice", data=body, headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        (f"{FORM}; charset=klingon", b"a=b", "charset 'klingon'"),
        (f"{FORM}; charset=hex", b"a=b", "charset"),
        (f"{FORM}; charset=punycode", b"x-" + b"b" * 60_000, "charset"),
        (f"{FORM}; charset={'x' * 4000}", b"a=b", "charset"),
        (FORM, b"a=\xff", "cannot be read"),
        (FORM, b"From=%ff%fe", "cannot be read"),
        (FORM, b"From=%ed%a0%80", "cannot be read"),
        (FORM, b"&".join([b"a=b"] * 5000), "fields"),
        ("multipart/form-data", b"a=b", "boundary"),
        ("multipart/form-data; boundary", b"--\r\n\r\n--", "boundary"),
        ("multipart/form-data; boundary=x", b"--y\r\n", "urlencoded"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
            "url",
        ),
    ],
)
async def test_a_malformed_form_is_refused_with_the_reason(
    kind: str, body: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with bridge() as client:
        status, text = await answer(client, body, kind)
        assert (status, why in text) == (400, True), text
        assert len(text) < 300
    [record] = [record for record in caplog.records if record.name == "bridge.admission.refusals"]
    assert "at the door twilio: " in record.getMessage() and record.exc_info is None


@pytest.mark.parametrize("kind", [f"{FORM}; charset=klingon", "multipart/form-data"])
async def test_a_malformed_form_without_a_signature_is_none_either(kind: str) -> None:
    async with bridge(**SIGNED) as client:
        assert (await answer(client, b"a=b", kind))[0] == 400


async def test_a_compressed_body_is_refused_and_not_inflated() -> None:
    runner = make_runner(make_app(Settings(), RESOURCES), drain_s=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        for coding in (b"gzip", b"what"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            head = b"POST /twilio/voice HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Encoding: %s\r\n"
            writer.write(head % (FORM.encode(), coding) + b"Connection: close\r\nContent-Length: 3\r\n\r\na=b")
            assert b" 400 " in (await reader.read())
            writer.close()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /calls HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_is_no_http_is_a_refusal_and_no_traceback(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    runner = make_runner(app := make_app(Settings(), RESOURCES), drain_s=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(request_)
        assert b" 400 " in await reader.readline()
        writer.close()
    finally:
        await runner.cleanup()
    assert all(record.exc_info is None and len(record.getMessage()) < 500 for record in caplog.records)
    if any(
        record.name.startswith("aiohttp") for record in caplog.records
    ):  # aiohttp says nothing of bytes that are no text at all
        assert b'bridge_refused_total{door="port",reason="malformed"} 1.0' in app[METRICS].text()


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def read(request: web.Request) -> web.Response:
        await read_form(request, limit_s=0.05)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", read)
    async with TestClient(TestServer(app)) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 30\r\n\r\n"
        writer.write(head.encode() + b"From=")
        assert b" 408 " in await reader.readline()
        writer.close()
    assert TooSlow.status_code == 408


async def test_a_form_of_any_carrier_is_read() -> None:
    async with bridge() as client:
        for kind, body in [
            (FORM, b"From=%2B49&From=%C3%A4&empty="),
            (f"{FORM}; charset=UTF-8", "From=ä".encode()),
            (f'{FORM}; charset="iso-8859-1"', b"From=\xe4"),
            ("application/json", b"{}"),
            ("text/plain; charset=ascii", b"\xff"),
        ]:
            status, text = await answer(client, body, kind)
            assert status == 200 and "<Stream" in text


@settings(max_examples=60, database=None)
@given(
    kind=st.sampled_from([FORM, "multipart/form-data", "multipart/form-data; boundary=x", "a/b", ""]),
    charset=st.sampled_from(["", "utf-8", "utf-16", "idna", "undefined", "unicode_escape", "rot13", "\N{EURO SIGN}"]),
    body=st.binary(max_size=200),
)
def test_no_form_whatever_is_a_fault_of_ours(kind: str, charset: str, body: bytes) -> None:
    async def send() -> int:
        async with bridge() as client:
            return (await answer(client, body, f"{kind}; charset={charset}" if charset else kind))[0]

    assert asyncio.run(send()) in {200, 400}
