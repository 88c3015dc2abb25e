"""Texts that are posted to be said."""

import base64
import json
import struct
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client

from bridge.server.app import make_app
from bridge.settings import Settings

PATH = "/v1/audio/speech"
ASKED = {"model": "tts-1", "voice": "alloy", "input": "The museum opens at nine."}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(Settings(), RESOURCES))) as client:
        yield client


async def post(client: Client, **fields: object) -> tuple[int, str, bytes]:
    async with client.post(PATH, json={**ASKED, **fields}) as response:
        return response.status, response.content_type, await response.read()


async def test_a_text_is_said_in_24_khz(client: Client) -> None:
    status, kind, body = await post(client, response_format="pcm")
    assert (status, kind) == (200, "audio/pcm")
    assert len(body) > 4800 and np.abs(np.frombuffer(body, "<i2")).max() > 100


async def test_a_wav_that_is_not_whole_yet_has_no_length(client: Client) -> None:
    _, kind, body = await post(client, response_format="wav")
    pcm = (await post(client, response_format="pcm"))[2]
    assert kind == "audio/wav" and body[44:] == pcm
    assert struct.unpack("<4sI4s4sIHHIIHH4sI", body[:44])[6:8] == (1, 24_000)


async def test_events_carry_the_same_audio(client: Client) -> None:
    _, kind, body = await post(client, response_format="pcm", stream_format="sse")
    events = [json.loads(line.removeprefix("data: ")) for line in body.decode().split("\n\n") if line]
    assert kind == "text/event-stream" and events[-1] == {"type": "speech.audio.done"}
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert audio == (await post(client, response_format="pcm"))[2]


@pytest.mark.parametrize(("form", "begins"), [("mp3", b"\xff"), ("flac", b"fLaC"), ("opus", b"OggS")])
async def test_what_needs_a_library_is_made_whole(client: Client, form: str, begins: bytes) -> None:
    pytest.importorskip("soundfile")
    status, _, body = await post(client, response_format=form)
    assert status == 200 and body.startswith(begins) and len(body) > 500


async def test_mp3_is_what_comes_where_nothing_was_asked_for(client: Client) -> None:
    pytest.importorskip("soundfile")
    assert (await post(client))[1] == "audio/mpeg"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": ""}, "input"),
        ({"input": 7}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"speed": 2}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"instructions": "Whisper."}, "instructions"),
        ({"response_format": "aac"}, "response_format"),
        ({"stream_format": "sse", "response_format": "opus"}, "stream_format"),
        ({"stream_format": "x"}, "stream_format"),
        ({"voice": "nobody"}, "voice"),
        ({"voice": {"id": "voice_1"}}, "voice"),
        ({"emotion": "glad"}, "emotion"),
    ],
)
async def test_what_cannot_be_given_is_refused_by_name(client: Client, fields: dict[str, object], named: str) -> None:
    status, _, body = await post(client, **{"response_format": "pcm", **fields})
    error = json.loads(body)["error"]
    assert status == 400 and named in error["message"] and error["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"input": "\\ud800"}'])
async def test_what_is_no_request_is_the_clients_fault(client: Client, body: bytes) -> None:
    async with client.post(PATH, data=body) as response:
        assert response.status == 400 and (await response.json())["error"]["message"]


async def test_each_text_is_counted(client: Client) -> None:
    await post(client, response_format="pcm")
    await post(client, response_format="aac")
    async with client.get("/metrics") as response:
        metrics = await response.text()
    assert 'bridge_calls_started_total{wire="speech"} 2.0' in metrics
    assert 'bridge_calls_ended_total{fault="remote",wire="speech"} 1.0' in metrics
