"""The doors of hosted services' protocols: what browsers offer, which dialect is meant, and how a stream ends."""

import json
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES

from bridge.server.app import make_app
from bridge.settings import Settings
from telephony.codec import encode
from telephony.events import Encoding

BETA = {"OpenAI-Beta": "realtime=v1"}
LISTEN = "/v1/listen?encoding=mulaw"
TONE = encode((0.5 * np.sin(np.arange(8000) * 0.3)).astype(np.float32), Encoding.MULAW)


def client(**rules: object) -> TestClient:  # type: ignore[type-arg]  # it is generic in aiohttp 3.13 only
    return TestClient(TestServer(make_app(Settings.model_validate(rules), RESOURCES)))


async def rest(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Return what comes until the socket is closed."""
    return [json.loads(message.data) async for message in socket if message.type is WSMsgType.TEXT]


@pytest.mark.parametrize(
    ("path", "offered", "agreed"),
    [
        (LISTEN, ("token", "s3cret"), "token"),
        (LISTEN, ("bearer", "s3cret"), "bearer"),
        ("/v1/realtime", ("realtime", "openai-insecure-api-key.s3cret"), "realtime"),
    ],
)
async def test_browsers_show_their_key_as_a_subprotocol(path: str, offered: tuple[str, ...], agreed: str) -> None:
    async with client(api_token="s3cret") as http, http.ws_connect(path, protocols=offered) as socket:
        assert socket.protocol == agreed


async def test_a_stream_is_transcribed_and_ends_with_its_metadata() -> None:
    async with client() as http, http.ws_connect(f"{LISTEN}&vad_events=true") as socket:
        await socket.send_bytes(TONE)
        await socket.send_json({"type": "CloseStream"})
        told = await rest(socket)
        assert [message["type"] for message in told] == ["SpeechStarted", "Results", "Metadata"]
        assert told[1]["channel"]["alternatives"][0]["transcript"] and told[1]["speech_final"]
        assert told[2]["duration"] == 1.0 and socket.close_code == 1000


async def test_a_stream_without_audio_is_closed_in_deepgrams_words_unless_it_says_it_is_there() -> None:
    async with client(client_idle_timeout=1) as http, http.ws_connect(LISTEN) as socket:
        await socket.send_json({"type": "KeepAlive"})
        closed = await socket.receive(10)
        assert (closed.data, closed.extra) == (1011, "NET-0001: no audio for 1 s")


@pytest.mark.parametrize(
    ("query", "headers", "protocols", "kind", "shape"),
    [
        ("?model=gpt-realtime", {}, (), "session.created", "audio"),
        ("?model=gpt-4o-realtime-preview", BETA, (), "session.created", "input_audio_format"),
        ("", {}, ("realtime", "openai-beta.realtime-v1"), "session.created", "input_audio_format"),
        ("?intent=transcription", {}, (), "session.created", "audio"),
        (
            "?intent=transcription",
            {"OpenAI-Beta": "realtime=v1"},
            (),
            "transcription_session.created",
            "turn_detection",
        ),
    ],
)
async def test_the_dialect_is_the_clients(
    query: str, headers: dict[str, str], protocols: tuple[str, ...], kind: str, shape: str
) -> None:
    path = f"/v1/realtime{query}"
    async with client() as http, http.ws_connect(path, headers=headers, protocols=protocols) as socket:
        created = await socket.receive_json()
        assert created["type"] == kind and shape in created["session"]


@pytest.mark.parametrize(
    ("query", "talks"),
    [("", True), ("?model=gpt-realtime", True), ("?intent=transcription", False), ("?model=gpt-4o-transcribe", False)],
)
async def test_the_address_says_whether_there_is_a_bot(query: str, talks: bool) -> None:
    async with client() as http, http.ws_connect(f"/v1/realtime{query}") as socket:
        created = await socket.receive_json()
        assert ("output" in created["session"]["audio"]) == talks


async def test_a_session_is_refused_in_openais_words() -> None:
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    async with client(api_token="s3cret") as http, http.get("/v1/realtime", headers=headers) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["type"]) == (401, "invalid_api_key", "invalid_request_error")
