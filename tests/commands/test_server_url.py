"""Where a command is answered, and what is said where it is not."""

import ssl
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.cli import main
from bridge.commands.server_url import NoAnswerThere, checked, reaching, trust
from bridge.server.tls import self_signed


@pytest.mark.parametrize(
    ("command", "url"),
    [
        ("call", "ws://host:8000/twilio/stream"),
        ("call", "wss://bot.example.com/prefix/twilio/stream"),
        ("call", "ws://host/media-stream"),
        ("listen", "ws://host:8000"),
        ("listen", "ws://host:8000/ws?listen=CA1"),
        ("listen", "https://host/talk"),
    ],
)
def test_an_address_where_the_command_may_be_answered_is_taken(command: str, url: str) -> None:
    assert checked(url, command) == url


@pytest.mark.parametrize(
    ("command", "url", "instead"),
    [
        ("call", "ws://host:8000", "give ws://host:8000/twilio/stream (`bridge listen` is for /ws, /, /talk)"),
        ("call", "wss://host/", "give wss://host/twilio/stream"),
        ("call", "ws://host:8000/ws", "give ws://host:8000/twilio/stream"),
        ("call", "ws://host:8000/talk/", "give ws://host:8000/twilio/stream"),
        ("listen", "ws://host/twilio/stream", "give ws://host/ws, /, /talk too (`bridge call` is for /twilio/stream)"),
        ("call", "host:8000", "begins with ws:// or wss://"),
        ("call", "ws:///twilio/stream", "and a host follows"),
        ("listen", "ftp://host/ws", "begins with ws:// or wss://"),
        ("listen", "", "begins with ws:// or wss://"),
    ],
)
def test_a_wrong_address_is_named_with_the_right_path(command: str, url: str, instead: str) -> None:
    with pytest.raises(NoAnswerThere) as wrong:
        checked(url, command)
    assert repr(url) in str(wrong.value) and instead in str(wrong.value)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "ws://127.0.0.1:1/ws"])
def test_the_command_line_says_so_and_calls_nobody(
    url: str, capsys: pytest.CaptureFixture[str], recording: Path
) -> None:
    assert main(["call", str(recording), "--url", url]) == 1
    assert "bridge: url is" in capsys.readouterr().err


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"\x00\x40\x00\xc0" * 4000)
    return tmp_path / "said.wav"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    (tmp_path / "bridge.pem").write_bytes(self_signed())
    return tmp_path / "bridge.pem"


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close()
    return socket


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[str]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    server = _server()
    await server.start_server(ssl=tls)
    yield f"localhost:{server.port}"
    await server.close()


@pytest.fixture
async def plain() -> AsyncIterator[str]:
    async with _server() as server:
        yield f"localhost:{server.port}"


def _server() -> TestServer:
    app = web.Application()
    app.router.add_get("/ws", _socket)
    return TestServer(app)


async def connect(url: str, tls: ssl.SSLContext | bool = True) -> None:
    with reaching(url, "listen"):
        async with aiohttp.ClientSession() as session, session.ws_connect(url, ssl=tls):
            pass


async def test_a_self_signed_server_is_reached_by_its_file_or_by_trusting_anybody(
    secure: str, certificate: Path
) -> None:
    await connect(f"wss://{secure}/ws", trust(certificate, insecure=False))
    await connect(f"wss://{secure}/ws", trust(None, insecure=True))
    with pytest.raises(NoAnswerThere, match=r"self-signed certificate; --cafile FILE .*, --insecure any"):
        await connect(f"wss://{secure}/ws", trust(None, insecure=False))


async def test_the_wrong_scheme_is_told(secure: str, plain: str) -> None:
    with pytest.raises(NoAnswerThere, match=rf"may want wss://{secure}/ws"):
        await connect(f"ws://{secure}/ws")
    with pytest.raises(NoAnswerThere, match=rf"may want ws://{plain}/ws"):
        await connect(f"wss://{plain}/ws")


async def test_a_path_that_the_server_lacks_is_told_with_those_there_are(plain: str) -> None:
    with pytest.raises(NoAnswerThere, match=rf"no such path \(status 404\); give ws://{plain}/ws"):
        await connect(f"ws://{plain}/wss")


async def test_nobody_there_is_what_it_was() -> None:
    with pytest.raises(aiohttp.ClientConnectorError):
        await connect("ws://127.0.0.1:1/ws")


def test_whom_to_trust_is_said_once_and_in_pem(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    for cafile, insecure, why in (
        (tmp_path / "notes.txt", True, "one of them"),
        (tmp_path / "notes.txt", False, "PEM"),
    ):
        with pytest.raises(ValueError, match=why):
            trust(cafile, insecure=insecure)
    with pytest.raises(OSError, match="gone"):
        trust(tmp_path / "gone.pem", insecure=False)
