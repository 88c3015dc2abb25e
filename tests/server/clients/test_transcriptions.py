"""Files that are posted: what is taken, what is refused, and in which forms the answer comes."""

import io
import json
import wave
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client

from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.settings import Settings

PATH = "/v1/audio/transcriptions"


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    rules = {"max_upload_mb": 0.5, "silence_threshold": 0.3}
    async with TestClient(TestServer(make_app(Settings.model_validate(rules), RESOURCES))) as client:
        yield client


def wav(*, seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """Return a file with something loud, which the fakes take for speech, and silence behind it."""
    loud = 0.5 * np.sin(np.arange(int(seconds * rate)) * 0.3)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.concatenate((loud, np.zeros(rate))) * 32767).astype("<i2").tobytes())
    return out.getvalue()


async def post(client: Client, file: bytes | None = None, /, **fields: str) -> tuple[int, str, str]:
    """Return the status, the type and the body of the answer."""
    form = aiohttp.FormData(default_to_multipart=True)
    if file is not None:
        form.add_field("file", file, filename="said.wav")
    for name, value in fields.items():
        form.add_field(name, value)
    async with client.post(PATH, data=form) as response:
        return response.status, response.content_type, await response.text()


async def test_what_is_said_in_a_file_is_the_answer(client: Client) -> None:
    status, kind, body = await post(client, wav(), model="whisper-1", language="en", prompt="a museum")
    assert (status, kind) == (200, "application/json")
    answer = json.loads(body)
    assert answer["text"] and answer["usage"] == {"type": "duration", "seconds": 2}


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("text", "text/plain", ""),
        ("srt", "application/x-subrip", "1\n00:00:0"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:0"),
        ("verbose_json", "application/json", '{"task": "transcribe"'),
    ],
)
async def test_an_answer_has_the_form_that_was_asked_for(client: Client, form: str, kind: str, begins: str) -> None:
    status, content_type, body = await post(client, wav(), model="whisper-1", response_format=form)
    assert (status, content_type) == (200, kind)
    assert body.startswith(begins) and body.strip()


async def test_a_stream_ends_with_the_whole_text(client: Client) -> None:
    status, kind, body = await post(client, wav(), model="gpt-4o-transcribe", stream="true")
    assert (status, kind) == (200, "text/event-stream")
    events: list[dict[str, Any]] = [json.loads(line.removeprefix("data: ")) for line in body.split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1]["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in events[:-1]) == events[-1]["text"]


async def test_a_file_of_silence_has_no_words(client: Client) -> None:
    _, _, body = await post(client, wav(seconds=0), model="whisper-1")
    assert json.loads(body)["text"] == ""


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "0.7"}, "temperature"),
        ({"stream": "perhaps"}, "stream"),
        ({"include[]": "logprobs"}, "include"),
        ({"known_speaker_names[]": "Ann"}, "known_speaker_names"),
        ({"prompt": "x" * 10_001}, "prompt"),
    ],
)
async def test_what_cannot_be_given_is_refused_by_name(client: Client, fields: dict[str, str], named: str) -> None:
    status, _, body = await post(client, wav(), model="whisper-1", **fields)
    error = json.loads(body)["error"]
    assert status == 400 and named in error["message"] and error["type"] == "invalid_request_error"


@pytest.mark.parametrize("file", [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"OggS" + bytes(99), b"ID3" + bytes(99)])
async def test_what_is_no_audio_is_refused(client: Client, file: bytes) -> None:
    status, _, body = await post(client, file, model="whisper-1")
    assert status == 400 and "file" in json.loads(body)["error"]["message"]


async def test_a_form_without_a_file_is_refused(client: Client) -> None:
    status, _, body = await post(client, model="whisper-1")
    assert status == 400 and "file" in json.loads(body)["error"]["message"]


async def test_a_file_beyond_the_limit_is_refused(client: Client) -> None:
    status, _, body = await post(client, bytes(600_000), model="whisper-1")
    assert status == 413 and json.loads(body)["error"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx'),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="m"\r\n\r\n\xff\r\n--b--\r\n',
        ),
        ("multipart/form-data; boundary=" + "b" * 90, b"--b--"),
    ],
)
async def test_what_is_no_form_is_the_clients_fault(client: Client, kind: str, body: bytes) -> None:
    async with client.post(PATH, data=body, headers={"Content-Type": kind}) as response:
        assert response.status == 400 and (await response.json())["error"]["message"]


async def test_each_file_takes_a_line_and_gives_it_back(client: Client) -> None:
    assert client.app
    lines = client.app[LINES]
    await post(client, wav(), model="whisper-1")
    await post(client, b"x", model="whisper-1")
    assert not lines.calls
    async with client.get("/metrics") as response:
        metrics = await response.text()
    assert 'bridge_calls_started_total{wire="transcriptions"} 1.0' in metrics
    assert 'bridge_calls{wire="transcriptions"} 0.0' in metrics


async def test_a_server_without_a_line_takes_no_file() -> None:
    rules = {"max_clients": 1, "max_clients_per_address": 1}
    async with TestClient(TestServer(make_app(Settings.model_validate(rules), RESOURCES))) as client:
        async with client.ws_connect("/ws"):
            status, _, body = await post(client, wav(), model="whisper-1")
        assert status == 503 and json.loads(body)["error"]["code"] == "server_overloaded"
