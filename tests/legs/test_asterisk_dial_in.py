"""chan_websocket on literals that Asterisk 22.10.1 has sent, and its two doors on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer
from fakes import RESOURCES, Client
from hypothesis import given
from hypothesis import strategies as st

from bridge.server.app import make_app
from bridge.server.app_keys import LINES
from bridge.settings import Settings
from telephony.asterisk import FORMATS, MAX_BINARY_BYTES, MAX_EARLY_BYTES, MAX_HELD_MS, AsteriskProtocol
from telephony.errors import LocalProtocolError, RemoteProtocolError
from telephony.events import (
    AudioFormat,
    CallStarted,
    Clear,
    Dtmf,
    Encoding,
    Hangup,
    Malformed,
    Mark,
    Media,
    Owed,
    Play,
    Played,
)
from telephony.malformed import MAX_MALFORMED

PLAIN = (
    "MEDIA_START connection_id:plain channel:WebSocket/plain/0x7fdacc004af0 channel_id:1795760367.2 "
    "format:ulaw optimal_frame_size:160 ptime:20"
)
JSON = (
    '{"event":"MEDIA_START","connection_id":"json","channel":"WebSocket/json/0x7fdae4004480",'
    '"channel_id":"1795760378.5","format":"slin16","optimal_frame_size":640,"ptime":20,"channel_variables":'
    '{"DIALEDPEERNUMBER":"json/c(slin16)f(json)v(from=100)","MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE":"640"}}'
)


def begun(start: str = PLAIN) -> AsteriskProtocol:
    protocol = AsteriskProtocol()
    protocol.receive(start)
    return protocol


def text(**fields: object) -> str:
    return json.dumps(fields)


# ---------------------------------------------------------------- how a call begins


def test_a_plain_start_is_answered_in_plain_text() -> None:
    protocol = AsteriskProtocol({"from": "100", "to": "300", "call": "17.1"})
    started, owed = protocol.receive(PLAIN)
    parameters = {"from": "100", "to": "300", "call": "17.1"}
    assert started == CallStarted("1795760367.2", AudioFormat(Encoding.MULAW, 8000), "100", "300", parameters)
    assert owed == Owed(("ANSWER",))


def test_a_json_start_is_answered_in_json_and_tells_the_channel_s_variables() -> None:
    started, owed = AsteriskProtocol({"From": "100"}).receive(JSON)
    assert isinstance(started, CallStarted)
    assert started.format == AudioFormat(Encoding.L16, 16_000) and started.caller == "100"
    assert started.parameters["MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE"] == "640"
    assert owed == Owed(('{"command": "ANSWER"}',))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_plays_and_is_heard(name: str) -> None:
    size = FORMATS[name].sample_rate // 50 * FORMATS[name].encoding.sample_bytes
    protocol = begun(PLAIN.replace("ulaw", name).replace("160", str(size)))
    assert protocol.receive(bytes(size)) == [Media(bytes(size), 0)]
    [media] = protocol.receive(bytes(size))
    assert isinstance(media, Media) and media.at_ms == 20
    assert protocol.send(Play(bytes(size))) == [bytes(size)]


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (PLAIN.replace("ulaw", "opus"), "format: got 'opus'; allowed: ulaw"),
        (PLAIN.replace("160", "-160"), "optimal_frame_size"),
        (PLAIN.replace("160", "9" * 5000), "optimal_frame_size"),
        (PLAIN.replace("ulaw", "slin").replace("160", "161"), "whole samples"),
        ("MEDIA_START format:ulaw", "channel_id"),
        (text(event="MEDIA_START", format="ulaw", channel_id=7), "channel_id"),
    ],
)
def test_a_start_that_cannot_be_used_ends_the_call_and_says_why(start: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        AsteriskProtocol().receive(start)


def test_nothing_can_be_said_before_the_start() -> None:
    for command in (Play(bytes(160)), Mark("m"), Clear(), Hangup()):
        with pytest.raises(LocalProtocolError, match="before MEDIA_START"):
            AsteriskProtocol().send(command)


# ---------------------------------------------------------------- audio


def test_what_is_no_whole_frame_waits_for_the_rest_of_it_or_for_a_mark() -> None:
    protocol = begun()
    assert protocol.send(Play(b"\1" * 100)) == []
    assert protocol.send(Play(b"\2" * 100)) == [b"\1" * 100 + b"\2" * 60]
    assert protocol.send(Mark("m")) == [b"\2" * 40 + b"\xff" * 120, "MARK_MEDIA m"]
    assert protocol.send(Mark("n")) == ["MARK_MEDIA n"]


@given(sizes=st.lists(st.integers(0, 200_000), max_size=5))
def test_no_message_is_larger_than_asterisk_takes_and_none_has_half_a_frame(sizes: list[int]) -> None:
    protocol = begun(PLAIN.replace("ulaw", "slin44").replace("160", "1764"))
    messages: list[str | bytes] = []
    for size in sizes:
        messages += protocol.send(Play(bytes(2 * size)))
    assert all(len(message) <= MAX_BINARY_BYTES and len(message) % 1764 == 0 for message in messages)
    assert sum(map(len, messages)) == 2 * sum(sizes) // 1764 * 1764


def test_an_asterisk_that_has_enough_gets_the_rest_when_it_wants_it() -> None:
    protocol = begun()
    assert protocol.receive("MEDIA_XOFF") == []
    assert not protocol.send(Play(b"\1" * 160))
    assert not protocol.send(Mark("m"))
    assert protocol.receive("MEDIA_XON") == [Owed((b"\1" * 160, "MARK_MEDIA m"))]
    assert protocol.send(Play(b"\2" * 160)) == [b"\2" * 160]
    assert protocol.receive("MEDIA_XON") == []


def test_what_waits_for_an_asterisk_that_never_wants_it_is_bounded() -> None:
    protocol = begun()
    protocol.receive("MEDIA_XOFF")
    for _ in range(2 * MAX_HELD_MS // 1000):
        protocol.send(Play(bytes(8000)))
    [owed] = protocol.receive("MEDIA_XON")
    assert isinstance(owed, Owed) and sum(map(len, owed.messages)) == 8 * MAX_HELD_MS


# ---------------------------------------------------------------- marks, clear, keys


@pytest.mark.parametrize(
    ("start", "answer"),
    [(PLAIN, "MEDIA_MARK_PROCESSED 0:1"), (JSON, text(event="MEDIA_MARK_PROCESSED", correlation_id="0:1"))],
)
def test_a_mark_comes_back_once(start: str, answer: str) -> None:
    protocol = begun(start)
    protocol.send(Mark("0:1"))
    assert protocol.receive(answer) == [Played("0:1")]
    assert protocol.receive(answer) == []


def test_a_clear_empties_the_queue_and_tells_the_marks_that_asterisk_forgets() -> None:
    protocol = begun()
    protocol.send(Play(bytes(250)))
    protocol.send(Mark("1"))
    protocol.receive("MEDIA_XOFF")
    protocol.send(Play(b"\1" * 250))
    protocol.send(Mark("2"))
    assert protocol.send(Clear()) == ["FLUSH_MEDIA", "GET_STATUS"]
    status = "STATUS channel_id:1.2 queue_length:0 xon_level:800 xoff_level:900 queue_full:true"
    assert protocol.receive(status) == [Played("1"), Played("2")]
    assert protocol.receive("MEDIA_MARK_PROCESSED 1") == [], "it crossed the clear"
    assert protocol.receive("MEDIA_XON") == [], "what was held is gone"
    assert protocol.send(Play(b"\2" * 160)) == [b"\2" * 160], "and so is what was no whole frame"


def test_commands_have_both_forms_and_one_that_is_too_long_is_our_bug() -> None:
    assert begun().send(Hangup("bye")) == ["HANGUP"]
    assert begun(JSON).send(Hangup("bye")) == ['{"command": "HANGUP"}']
    assert begun(JSON).send(Mark("0:1")) == ['{"command": "MARK_MEDIA", "correlation_id": "0:1"}']
    with pytest.raises(LocalProtocolError, match="128 bytes"):
        begun().send(Mark("m" * 120))


@pytest.mark.parametrize(
    "message", ["DTMF_END digit:# channel_id:1795760367.2", text(event="DTMF_END", channel_id="1.2", digit="#")]
)
def test_a_key_is_heard_in_both_forms(message: str) -> None:
    assert begun().receive(message) == [Dtmf("#")]


@pytest.mark.parametrize(
    "bad",
    [
        "DTMF_END digit:e",
        "DTMF_END",
        "{",
        "{}[",
        '{"event":"\\ud800"}',
        '{"a":' * 5000,
        "x" * 70_000,
    ],
)
def test_a_malformed_message_costs_itself_only_and_too_many_the_call(bad: str) -> None:
    protocol = begun()
    assert [type(event) for event in protocol.receive(bad)] == [Malformed]
    assert protocol.receive(bytes(160)) == [Media(bytes(160), 0)]
    with pytest.raises(RemoteProtocolError, match="malformed"):
        for _ in range(MAX_MALFORMED + 1):
            protocol.receive(bad)


def test_half_a_sample_is_not_heard() -> None:
    protocol = begun(JSON)
    assert protocol.receive(b"\1\0\2") == [Media(b"\1\0", 0)]
    assert protocol.receive(b"\3") == []


@pytest.mark.parametrize("start", [PLAIN, JSON])
def test_audio_and_keys_before_the_start_are_heard_behind_it(start: str) -> None:
    protocol = AsteriskProtocol()
    for message in (bytes(320), "DTMF_END digit:5", "STATUS", "TEA_TIME", bytes(320)):
        assert protocol.receive(message) == []
    started, owed, *early = protocol.receive(start)
    ms = 40 if start == PLAIN else 10
    assert isinstance(started, CallStarted) and started.early_ms == 2 * ms and isinstance(owed, Owed)
    assert early == [Media(bytes(320), 0), Dtmf("5"), Media(bytes(320), ms)]


def test_an_asterisk_that_wants_no_audio_may_say_so_before_the_start() -> None:
    protocol = AsteriskProtocol()
    protocol.receive("MEDIA_XOFF")
    protocol.receive(PLAIN)
    assert not protocol.send(Play(b"\1" * 160))
    assert protocol.receive("MEDIA_XON") == [Owed((b"\1" * 160,))]


def test_a_start_that_comes_again_means_nothing() -> None:
    protocol = begun()
    for again in (PLAIN, JSON) * MAX_MALFORMED:
        assert protocol.receive(again) == []
    assert protocol.send(Hangup()) == ["HANGUP"]


def test_what_waits_for_the_start_is_bounded() -> None:
    protocol = AsteriskProtocol()
    for _ in range(10_000):
        protocol.receive(bytes(160))
    started, *_ = protocol.receive(PLAIN)
    assert isinstance(started, CallStarted) and started.early_ms == MAX_EARLY_BYTES // 160 * 20


def test_an_error_of_asterisk_is_told_and_unknown_events_mean_nothing() -> None:
    protocol = begun()
    [malformed] = protocol.receive(text(event="ERROR", error_text="Unable to parse JSON command"))
    assert isinstance(malformed, Malformed) and "Unable to parse" in malformed.message
    for message in ("QUEUE_DRAINED", "MEDIA_BUFFERING_COMPLETED x", "TEA_TIME", "", text(event=None), text()):
        assert protocol.receive(message) == []


@given(
    messages=st.lists(
        st.sampled_from(
            [PLAIN, JSON, "MEDIA_XOFF", "MEDIA_XON", "STATUS", "MEDIA_MARK_PROCESSED 1", "DTMF_END digit:1"]
        )
        | st.binary(max_size=700)
        | st.text(max_size=50)
        | st.sampled_from([Play(bytes(300)), Mark("1"), Clear()]),
        max_size=40,
    )
)
def test_whatever_comes_and_goes_every_mark_comes_back_at_most_once(messages: Sequence[object]) -> None:
    protocol, marks, played, events = begun(), 0, 0, []
    with suppress(RemoteProtocolError):
        for message in messages:
            if isinstance(message, str | bytes):
                events = list(protocol.receive(message))
                played += sum(isinstance(event, Played) for event in events)
                assert not any(isinstance(event, CallStarted) for event in events)
            else:
                assert isinstance(message, Play | Mark | Clear)
                marks += isinstance(message, Mark)
                protocol.send(message)
            assert played <= marks


# ---------------------------------------------------------------- the doors


@dataclass
class Pbx:
    """What stands for the Asterisk that we connect to."""

    paths: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    heard: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def media(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        if "gone" in request.path:
            raise web.HTTPNotFound
        socket = web.WebSocketResponse(protocols=("media",))
        await socket.prepare(request)
        await socket.send_str(PLAIN)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.said.append(message.data)
            else:
                self.heard += len(message.data)
            if self.heard and self.said[-1].startswith("MARK_MEDIA"):
                break
        await socket.close()
        self.over.set()
        return socket


@asynccontextmanager
async def connected(pbx: Pbx, **options: object) -> AsyncIterator[tuple[Client, web.Application]]:
    app = web.Application()
    app.router.add_get("/media/{name}", pbx.media)
    async with TestServer(app) as asterisk:
        url = f"ws://{asterisk.host}:{asterisk.port}/media"
        bridge = make_app(Settings.model_validate({"asterisk_url": url, **options}), RESOURCES)
        async with TestClient(TestServer(bridge)) as client:
            yield client, bridge


async def test_we_connect_to_a_call_that_waits_answer_it_and_speak_into_it() -> None:
    pbx = Pbx()
    async with asyncio.timeout(10), connected(pbx, greeting="Hello.") as (client, app):
        async with client.post("/asterisk/connect", data={"id": "7aab3cd3-5b9d", "from": "100"}) as response:
            assert (response.status, await response.text()) == (200, "connected\n")
        await pbx.over.wait()
        await app[LINES].empty.wait()
    assert pbx.paths == ["/media/7aab3cd3-5b9d"] and pbx.said[0] == "ANSWER" and pbx.heard


@pytest.mark.parametrize(("name", "status"), [("gone", 502), ("../../ari", 400), ("a b", 400), ("", 400)])
async def test_a_call_that_is_not_there_is_told_to_who_asked(name: str, status: int) -> None:
    async with connected(Pbx()) as (client, app):
        async with client.post("/asterisk/connect", data={"id": name}) as response:
            assert response.status == status
        assert not app[LINES].taken


async def test_an_asterisk_that_is_not_there_is_told_too_and_one_that_is_not_set() -> None:
    for options, status, why in (
        ({"asterisk_url": "ws://127.0.0.1:1/media"}, 502, "127.0.0.1"),
        ({}, 404, "--asterisk-url"),
    ):
        async with TestClient(TestServer(make_app(Settings.model_validate(options), RESOURCES))) as client:
            response = await client.post("/asterisk/connect", data={"id": "x"})
            assert response.status == status and why in await response.text()


async def test_a_stranger_connects_us_to_nothing_and_a_busy_bridge_says_so() -> None:
    async with connected(Pbx(), api_token="s3cret") as (client, _):
        response = await client.post("/asterisk/connect", data={"id": "x"})
        assert response.status == 401
    async with connected(Pbx(), max_calls=1) as (client, app):
        with app[LINES].take():
            response = await client.post("/asterisk/connect", data={"id": "x"})
            assert response.status == 503


async def test_asterisk_s_password_is_the_token_and_what_is_owed_is_said() -> None:
    app = make_app(Settings.model_validate({"api_token": "s3cret"}), RESOURCES)
    async with asyncio.timeout(10), TestClient(TestServer(app)) as client:
        headers = {"Authorization": aiohttp.encode_basic_auth("asterisk", "s3cret")}
        async with client.ws_connect("/asterisk/media?from=100", protocols=("media",), headers=headers) as socket:
            assert socket.protocol == "media"
            await socket.send_str(PLAIN)
            assert await socket.receive_str() == "ANSWER"
