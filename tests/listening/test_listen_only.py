"""A call without a bot over real sockets: both sides are transcribed and told to listeners and to a hook."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from fakes import RESOURCES
from hook_server import HookServer, Reply
from serving import served
from wires import b64

from bot.api import CallInfo
from bridge.listening.transcript_feed import FeedEvent, ListeningEnded, SideSaid
from bridge.server.app import make_app
from bridge.server.app_keys import FEED, LINES
from bridge.settings import Settings
from telephony.codec import encode
from telephony.events import Encoding, Transcript

LOUD = encode((0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32), Encoding.MULAW)
SILENT = b"\xff" * 160


class Bridge:
    """A server and a client of it."""

    def __init__(self, app: web.Application, url: str, session: aiohttp.ClientSession) -> None:
        self.app, self._url, self._session = app, url, session

    async def connect(self, path: str) -> aiohttp.ClientWebSocketResponse:
        return await self._session.ws_connect(self._url + path)


@asynccontextmanager
async def bridge(**options: object) -> AsyncIterator[Bridge]:
    app = make_app(Settings.model_validate({"silence_threshold": 0.3, **options}), RESOURCES)
    async with served(app) as url, aiohttp.ClientSession() as session, asyncio.timeout(20):
        yield Bridge(app, url, session)


def start(*tracks: str, **parameters: object) -> str:
    about = {
        "callSid": "CA7",
        "streamSid": "MZ7",
        "tracks": tracks,
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"From": "+4930123", "To": "+4930456", **parameters},
    }
    return json.dumps({"event": "start", "streamSid": "MZ7", "start": about})


def media(number: int, track: str, payload: bytes) -> str:
    about = {"track": track, "chunk": str(number), "timestamp": str(number * 20), "payload": b64(payload)}
    return json.dumps({"event": "media", "streamSid": "MZ7", "media": about})


async def speak(stream: aiohttp.ClientWebSocketResponse, speaks: dict[str, range], packets: int) -> None:
    """Send so many packets of each track; in the `range` of a track somebody speaks."""
    for number in range(packets):
        for track, loud in speaks.items():
            await stream.send_str(media(number + 1, track, LOUD if number in loud else SILENT))


async def until(listener: aiohttp.ClientWebSocketResponse, kind: str, **fields: object) -> dict[str, Any]:
    async for message in listener:
        told: dict[str, Any] = json.loads(message.data)
        if told["type"] == kind and fields.items() <= told.items():
            return told
    raise AssertionError(f"the listener was closed: {listener.close_code}")


async def test_both_sides_are_told_to_who_listens() -> None:
    async with bridge() as client:
        listener = await client.connect("/ws?listen=CA7")
        stream = await client.connect("/twilio/listen")
        await stream.send_str(start("inbound", "outbound", shop=7))
        begun = await until(listener, "call_started", call_id="CA7")
        assert (begun["from"], begun["to"], begun["parameters"]["shop"]) == ("+4930123", "+4930456", "7")
        await speak(stream, {"inbound": range(10, 60), "outbound": range(70, 160)}, 220)
        said: dict[str, dict[str, Any]] = {}
        while len(said) < 2:
            final = await until(listener, "final", call_id="CA7")
            said[final["speaker"]] = final
        assert said["caller"]["text"] == "one two" and said["caller"]["track"] == "inbound"
        assert said["agent"]["text"] == "one two three" and said["agent"]["is_speech_final"] is True
        await stream.close()
        assert (await until(listener, "call_ended"))["reason"] == "caller hung up"
        await listener.close()


async def test_nothing_is_sent_to_the_call_and_it_takes_one_line() -> None:
    async with bridge() as client:
        stream = await client.connect("/twilio/listen")
        await stream.send_str(start("inbound", "outbound"))
        await speak(stream, {"inbound": range(10, 60), "outbound": range(10, 60)}, 100)
        assert client.app[LINES].taken == 1
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await stream.receive()
        await stream.close()
        await client.app[LINES].empty.wait()


async def test_a_stream_of_one_track_has_one_side() -> None:
    async with bridge() as client:
        with client.app[FEED].subscribe("*") as subscription:
            stream = await client.connect("/twilio/listen")
            await stream.send_str(start("outbound_track"))
            await speak(stream, {"outbound": range(10, 60)}, 100)
            await stream.send_str(json.dumps({"event": "stop", "streamSid": "MZ7", "stop": {}}))
            told: list[FeedEvent] = []
            while not told or not isinstance(told[-1], ListeningEnded):
                told.append((await subscription.get())[0])
        assert {event.track for event in told if isinstance(event, SideSaid)} == {"outbound"}


async def test_a_listener_of_all_calls_who_comes_late_is_told_of_those_there_are() -> None:
    async with bridge() as client:
        stream = await client.connect("/twilio/listen")
        await stream.send_str(start("inbound"))
        first = await client.connect("/ws?listen=*")
        await until(first, "call_started", call_id="CA7")
        late = await client.connect("/ws?listen=")
        await until(late, "call_started", call_id="CA7")
        for socket in (first, late, stream):
            await socket.close()


async def test_a_hook_is_told_in_order_signed_and_without_partials() -> None:
    async with HookServer([(".*", Reply())]) as hook:
        options = {"listen_hook_url": hook.url, "webhook_secret": "s3cret"}
        async with bridge(**options) as client:
            stream = await client.connect("/twilio/listen")
            await stream.send_str(start("inbound", "outbound"))
            nothing = Transcript("", "", True, 1.0)  # it was told no partials, so there is none to take back
            client.app[FEED].publish(SideSaid(CallInfo("CA7"), "outbound", nothing))
            await speak(stream, {"inbound": range(10, 60), "outbound": range(0)}, 100)
            await stream.close()
            await hook.until(lambda: hook.of("end"))
        assert [body["event"] for body in hook.bodies] == ["call", "final", "end"]
        assert [body["id"] for body in hook.bodies] == ["CA7-1", "CA7-2", "CA7-3"]
        assert (hook.bodies[1]["speaker"], hook.bodies[1]["text"]) == ("caller", "one two")
        assert hook.bodies[0]["call"]["from"] == "+4930123" and hook.bodies[2]["reason"] == "caller hung up"
        assert all("X-Bridge-Signature" in headers for headers in hook.headers)


async def test_a_hook_that_fails_costs_no_call(caplog: pytest.LogCaptureFixture) -> None:
    async with bridge(listen_hook_url="http://127.0.0.1:9/hook") as client:
        listener = await client.connect("/ws?listen=CA7")
        stream = await client.connect("/twilio/listen")
        await stream.send_str(start("inbound"))
        await speak(stream, {"inbound": range(10, 60)}, 100)
        assert (await until(listener, "final"))["text"] == "one two"
        await stream.close()
        await until(listener, "call_ended")
        await listener.close()
    assert any("was not told CA7-1" in message for message in caplog.messages)


@pytest.mark.parametrize("path", ["/ws?listen=CA7", "/twilio/listen"])
async def test_the_doors_ask_for_what_they_ask_of_everybody(path: str) -> None:
    secrets = {"api_token": "k", "twilio_auth_token": "t", "public_url": "https://bot.example.com"}
    async with bridge(**secrets) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.connect(path)
        assert refused.value.status in {401, 403}
        if path.startswith("/ws"):
            socket = await client.connect(f"{path}&token=k")
            await socket.close()


async def test_a_stream_that_does_not_say_what_it_is_is_closed() -> None:
    async with bridge(start_timeout=0.1) as client:
        stream = await client.connect("/twilio/listen")
        await stream.send_str(json.dumps({"event": "connected"}))
        message = await stream.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.PROTOCOL_ERROR)
        await client.app[LINES].empty.wait()


async def test_who_listens_is_told_that_the_server_ends() -> None:
    async with bridge(send_timeout=0.2) as client:
        listener = await client.connect("/ws?listen=*")
        stream = await client.connect("/twilio/listen")
        await stream.send_str(start("inbound"))
        await until(listener, "call_started")
        await client.app.shutdown()
        assert (await until(listener, "call_ended"))["call_id"] == "CA7"
        message = await listener.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
