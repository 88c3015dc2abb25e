"""Whatever is asked of whatever route: an answer that blames the peer, and a server that serves on."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import quote

import pytest
from aiohttp import WSCloseCode, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from garbage import garbage
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import QUERY, TRAFFIC, Message

from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.settings import Settings
from telephony.audiosocket import IDENTITY, frame
from telephony.wire import Wire
from telephony.wires import WIRES

ANSWER_S: Final = 10.0
"""Within which there is an answer; what takes longer hangs."""
OF_A_PEER: Final = {*range(100, 500), 502, 503}
"""What a peer is to blame for; 502: the Asterisk is not there; 503: no line is free."""
OPTIONS: Final[Mapping[str, object]] = {
    "dial_allow": "+49",
    "asterisk_url": "ws://127.0.0.1:1/media",
    "start_timeout": 0.1,
    "drain_timeout": 0.1,
}
DOORS: Final[Mapping[str, Mapping[str, object]]] = {
    "loopback": {},
    "open": {"insecure": True},
    "signed": {"twilio_auth_token": "s3cret", "trust_proxy_headers": True},
}
PATHS: Final = (
    *("/", "/web/app.js", "/healthz", "/metrics", "/languages", "/calls", "/calls/x", "/asterisk/connect"),
    *("/twilio/voice", "/twilio/status/x", "/twilio/stream/x", "/v1/audio/transcriptions", "/v1/audio/speech"),
    *(wire.address for wire in WIRES if wire.is_socket),
)
sockets = pytest.mark.parametrize("wire", [wire for wire in WIRES if wire.is_socket], ids=lambda wire: wire.name)


@contextmanager
def serving(**options: object) -> Iterator[tuple[asyncio.Runner, Client]]:
    """Yield a loop that runs when asked to, and a client of a server in it: hypothesis is synchronous."""
    with asyncio.Runner() as runner:
        client = runner.run(started({**OPTIONS, **options}))
        try:
            yield runner, client
        finally:
            runner.run(client.close())


async def started(options: Mapping[str, object]) -> Client:
    client: Client = TestClient(TestServer(make_app(Settings.model_validate(options), RESOURCES)))
    await client.start_server()
    return client


async def is_well(client: Client) -> bool:
    """Tell whether the server answers as if nothing had been, with all lines free."""
    async with asyncio.timeout(ANSWER_S):
        await client.app[LINES].empty.wait()
    async with client.get("/healthz") as response:
        return bool(await response.json() == {"status": "ok", "calls": 0})


def faults(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was logged with a traceback, but for aiohttp's own of what is no HTTP: ours have the status 500."""
    return [record for record in caplog.records if record.exc_info and record.name != "aiohttp.server"]


# ---------------------------------------------------------------- requests

_NAME = st.sampled_from(["From", "To", "CallSid", "id", "CallStatus", "x" * 300]) | st.text(max_size=12)
_FORM = st.dictionaries(_NAME, _NAME, max_size=4).map(
    lambda form: "&".join(
        f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in form.items()
    )
)
_ORDER = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.just("+4930123456"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["to", "from", "wire", "parameters", "headers", "x"]), inner, max_size=4)
    ),
    max_leaves=6,
).map(json.dumps)
_PART = '--x\r\nContent-Disposition: form-data; name="From"; filename="a"\r\n\r\nfile\r\n--x--\r\n'
BODY = st.binary(max_size=99) | (_FORM | _ORDER | st.sampled_from([_PART, "--x\r\n", "[" * 9000])).map(str.encode)
KIND = st.sampled_from(
    [
        *(
            b"application/x-www-form-urlencoded" + charset
            for charset in (b"", b"; charset=klingon", b"; charset=utf-16")
        ),
        *(b"multipart/form-data" + boundary for boundary in (b"", b"; boundary=x", b'; boundary="')),
        *(b"application/json", b"/;;=", b"\xff"),
    ]
)
HOST = st.sampled_from([b"127.0.0.1", b"a?b", b"[", b"a b", b"\xff"])
_NAMES = (
    *("Authorization", "Origin", "Cookie", "X-Twilio-Signature", "If-None-Match", "Range", "Expect", "Upgrade"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "Sec-WebSocket-Protocol", "Accept-Encoding", "Content-Encoding"),
)
_VALUES = ("Basic %%%", "Bearer x", "http://[", "websocket", "bearer.x", '"*', "100-continue", "gzip", "x" * 9000)
HEADERS = st.dictionaries(
    st.sampled_from(_NAMES).map(str.encode),
    st.sampled_from(_VALUES).map(str.encode)
    | st.binary(max_size=20).filter(lambda value: not set(value) & set(b"\r\n\0")),
    max_size=3,
).filter(lambda headers: headers.get(b"Expect", b"").isascii())  # aiohttp answers these before any code of ours
_QUERIES = ("", "%", "%ff=%00", "a=%ed%a0%80", ";", "token=", "a[]=?&&", "From=%2B49&x=%F0%9F%98%80")
TARGET = st.tuples(st.sampled_from(PATHS), st.sampled_from(_QUERIES) | st.text(max_size=9).map(quote)).map("?".join)


async def ask(client: Client, head: Sequence[bytes], body: bytes) -> int:
    """Send bytes as they are; return the status of the answer, 0 where the connection was closed instead."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    try:
        lines = [*head, b"Content-Length: %d" % len(body), b"", body]
        writer.write(b"\r\n".join(lines))
        async with asyncio.timeout(ANSWER_S):
            answer = await reader.readline()
    except ConnectionError:
        return 0
    finally:
        writer.close()
    return int(answer.split()[1]) if answer else 0


@pytest.mark.parametrize("options", DOORS.values(), ids=DOORS)
def test_no_request_is_our_fault(options: Mapping[str, object], caplog: pytest.LogCaptureFixture) -> None:
    with serving(**options) as (runner, client):

        @settings(max_examples=80, database=None)
        @given(st.sampled_from(["GET", "POST", "PUT"]), TARGET, HOST, KIND, HEADERS, BODY)
        def is_answered(  # noqa: PLR0917  # hypothesis fills them in
            method: str, target: str, host: bytes, kind: bytes, headers: dict[bytes, bytes], body: bytes
        ) -> None:
            more = [name + b": " + value for name, value in headers.items()]
            head = [f"{method} {target} HTTP/1.1".encode(), b"Host: " + host, b"Content-Type: " + kind, *more]
            status = runner.run(ask(client, head, body))
            assert not status or status in OF_A_PEER

        is_answered()
        assert runner.run(is_well(client))
    assert not faults(caplog)


def test_a_handshake_that_is_no_text_is_refused() -> None:
    with serving() as (runner, client):
        assert runner.run(ask(client, [b"GET /ws HTTP/1.1", b"Host: 127.0.0.1", b"Upgrade: \x80"], b"")) == 400


@pytest.mark.parametrize("host", [b"a?b", b"\xff"])
def test_a_host_that_is_none_has_no_stream_to_send_twilio_to(host: bytes) -> None:
    with serving(insecure=True) as (runner, client):
        assert runner.run(ask(client, [b"POST /twilio/voice HTTP/1.1", b"Host: " + host], b"")) == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"application/x-www-form-urlencoded; charset=klingon", b"From=x"),
        (b"application/x-www-form-urlencoded", b"\xff=\xff"),
        (b"multipart/form-data", b"--x\r\n"),
    ],
)
@pytest.mark.parametrize("path", [b"/twilio/voice", b"/asterisk/connect"])
def test_a_form_that_cannot_be_read_is_refused(path: bytes, kind: bytes, body: bytes) -> None:
    with serving() as (runner, client):
        head = [b"POST " + path + b" HTTP/1.1", b"Host: 127.0.0.1", b"Content-Type: " + kind]
        assert runner.run(ask(client, head, body)) == 400


# ---------------------------------------------------------------- sockets


async def talk(client: Client, wire: Wire, messages: Sequence[Message], *, abort: bool) -> int | None:
    """Send `messages` and hang up; return the code that the server closed the socket with, None where it did not."""
    async with client.ws_connect(wire.address + QUERY.get(wire.name, ""), protocols=wire.subprotocols) as socket:
        with suppress(ConnectionError):
            for message in messages:
                await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
        if abort:
            socket._response.close()
            return None
        await socket.close()
        while (message_ := await socket.receive(ANSWER_S)).type not in {WSMsgType.CLOSED, WSMsgType.ERROR}:
            assert message_.type is not WSMsgType.CLOSE or message_.data != WSCloseCode.INTERNAL_ERROR
        return socket.close_code


@sockets
def test_no_message_is_our_fault(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    with serving() as (runner, client):

        @settings(max_examples=15, database=None)
        @given(st.lists(garbage(wire).filter(is_sendable), max_size=6), st.booleans(), st.booleans())
        def is_carried(messages: list[Message], begin: bool, abort: bool) -> None:
            opening = TRAFFIC[wire.name].begin if begin else ()
            code = runner.run(talk(client, wire, [*opening, *messages], abort=abort))
            assert code != WSCloseCode.INTERNAL_ERROR

        is_carried()
        assert runner.run(is_well(client))
    assert not faults(caplog)


def is_sendable(message: Message) -> bool:
    """A client cannot send half a surrogate pair as it is."""
    return isinstance(message, bytes) or not any("\ud800" <= character <= "\udfff" for character in message)


# ---------------------------------------------------------------- streams

_IDENTITY = frame(IDENTITY, bytes(range(16)))
_FRAME = st.builds(frame, st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x10, 0x16, 0xFF]), st.binary(max_size=99))


async def stream(client: Client, port: int, data: bytes) -> None:
    """Send `data` as a switch would, say that this was all, and wait until the server hangs up."""
    reader, writer = await asyncio.open_connection(client.host, port)
    try:
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(ANSWER_S):
            while await reader.read(4096):
                pass
    except ConnectionError:
        pass  # it has heard enough
    finally:
        writer.close()


def test_no_stream_is_our_fault(unused_tcp_port: int, caplog: pytest.LogCaptureFixture) -> None:
    with serving(audiosocket_port=unused_tcp_port) as (runner, client):

        @settings(max_examples=30, database=None)
        @given(st.booleans(), st.lists(_FRAME | st.binary(max_size=9), max_size=6))
        def is_carried(begin: bool, frames: list[bytes]) -> None:
            runner.run(stream(client, unused_tcp_port, b"".join([_IDENTITY, *frames] if begin else frames)))

        is_carried()
        assert runner.run(is_well(client))
    assert not faults(caplog)
