"""The port of Wyoming on loopback, with a recogniser and a voice that are instant."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client, FakeTts

from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.settings import Settings
from bridge.speech.api import Samples
from telephony.codec import encode
from telephony.events import Encoding
from telephony.wyoming_messages import WyomingMessage, message

ABOUT = {"rate": 16_000, "width": 2, "channels": 1}
TONE = encode((0.5 * np.sin(np.arange(16_000) * 0.3)).astype(np.float32), Encoding.L16)
CHUNKS = [message("audio-chunk", TONE[at : at + 640], **ABOUT) for at in range(0, len(TONE), 640)]


class Peer:
    """A client of the port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, *messages: bytes) -> None:
        self.writer.writelines(messages)
        await self.writer.drain()

    async def told(self, last: str) -> list[WyomingMessage]:
        """Return what comes, up to the message `last`, or to the end of the connection."""
        told: list[WyomingMessage] = []
        async with asyncio.timeout(10):
            while line := await self.reader.readline():
                head = json.loads(line)
                data = json.loads(await self.reader.readexactly(head.get("data_length", 0)) or b"{}")
                payload = await self.reader.readexactly(head.get("payload_length", 0))
                told.append(WyomingMessage(head["type"], data, payload))
                if head["type"] == last:
                    break
        return told


@asynccontextmanager
async def serving(port: int, **rules: object) -> AsyncIterator[Client]:
    options = Settings.model_validate({"wyoming_port": port, **rules})
    async with TestClient(TestServer(make_app(options, RESOURCES))) as client:
        yield client


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


async def test_a_stream_is_written_down_and_so_is_the_next_on_the_same_connection(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as client, connected(unused_tcp_port) as peer:
        for _ in range(2):
            await peer.say(message("transcribe"), message("audio-start", **ABOUT), *CHUNKS, message("audio-stop"))
            told = await peer.told("transcript-stop")
            assert [each.kind for each in told][-2:] == ["transcript", "transcript-stop"]
            assert told[-2].data["text"] and told[0].kind == "transcript-start"
        assert client.app[LINES].empty.is_set()


async def test_a_text_is_said(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port), connected(unused_tcp_port) as peer:
        await peer.say(message("synthesize", text="The museum opens at nine."))
        start, *chunks, stop = await peer.told("audio-stop")
        assert (start.kind, stop.kind) == ("audio-start", "audio-stop")
        assert all(chunk.data == start.data and chunk.payload for chunk in chunks)
        assert np.abs(np.frombuffer(b"".join(chunk.payload for chunk in chunks), "<i2")).max() > 100


async def test_what_there_is_has_all_that_home_assistant_asks_for(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port), connected(unused_tcp_port) as peer:
        await peer.say(message("describe"))
        [info] = await peer.told("info")
    told: Any = info.data  # whatever JSON holds
    [asr], [tts] = told["asr"], told["tts"]
    for artifact in (asr, *asr["models"], tts, *tts["voices"]):
        assert artifact["name"] and artifact["installed"] is True
        assert set(artifact["attribution"]) == {"name", "url"} and {"description", "version"} <= set(artifact)
    assert all(each["languages"] for each in (*asr["models"], *tts["voices"]))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (message("synthesize", text="Hello.", voice={"name": "nobody"}), "nobody"),
        (message("detect"), "detect"),
        (b"\x16\x03\x01 no JSON\n", "JSON"),
    ],
)
async def test_a_refusal_is_told_and_ends_the_connection(unused_tcp_port: int, asked: bytes, why: str) -> None:
    async with serving(unused_tcp_port), connected(unused_tcp_port) as peer:
        await peer.say(asked)
        [refused] = await peer.told("nothing else")
        assert refused.kind == "error" and why in str(refused.data["text"])


async def test_without_a_line_a_client_is_told_to_come_again(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, max_clients=1) as client, connected(unused_tcp_port) as peer:
        with client.app[LINES].take_client(address="another"):
            await peer.say(message("audio-start", **ABOUT), *CHUNKS * 5)
            told = await peer.told("nothing else")
        assert [each.kind for each in told] == ["error"] and "busy" in str(told[0].data["text"])


async def test_a_voice_that_fails_on_the_way_is_told_of(unused_tcp_port: int) -> None:
    resources = replace(RESOURCES, tts=BreaksOff())
    options = Settings.model_validate({"wyoming_port": unused_tcp_port})
    async with TestClient(TestServer(make_app(options, resources))), connected(unused_tcp_port) as peer:
        await peer.say(message("synthesize", text="The museum opens at nine."))
        told = await peer.told("nothing else")
    assert told[-1].kind == "error" and "out of breath" in str(told[-1].data["text"])


class BreaksOff(FakeTts):
    """A voice that says half a second of each sentence."""

    async def speak(self, text: str, /) -> AsyncGenerator[Samples, None]:
        yield (0.3 * np.sin(np.arange(12_000) * 0.1)).astype(np.float32)
        raise RuntimeError("out of breath")


async def test_more_connections_than_clients_are_not_taken(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, max_clients=1), connected(unused_tcp_port) as first:
        await first.say(message("ping"))
        assert [each.kind for each in await first.told("pong")] == ["pong"]
        async with connected(unused_tcp_port) as second:
            [refused] = await second.told("nothing else")
        assert "1 clients are connected" in str(refused.data["text"])


async def test_an_address_that_is_not_allowed_is_told_nothing(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, wyoming_allow="10.0.0.0/8"), connected(unused_tcp_port) as peer:
        assert not await peer.told("nothing")


async def test_a_client_that_says_nothing_is_dropped(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port, client_idle_timeout=1), connected(unused_tcp_port) as peer:
        assert not await peer.told("nothing")


async def test_a_client_that_is_gone_in_the_middle_leaves_nothing(unused_tcp_port: int) -> None:
    async with serving(unused_tcp_port) as client:
        async with connected(unused_tcp_port) as peer:
            await peer.say(message("audio-start", **ABOUT), *CHUNKS[:10])
        async with asyncio.timeout(10):
            await client.app[LINES].empty.wait()
