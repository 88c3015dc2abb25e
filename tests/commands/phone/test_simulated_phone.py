"""The simulated phone, against a small server that echoes."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from bridge.commands.phone.call_record import CallRecord, Moment
from bridge.commands.phone.carrier_buffer import FRAME_BYTES
from bridge.commands.phone.line_faults import Fault
from bridge.commands.phone.simulated_phone import SILENCE, dial

LOUD = b"\x10" * FRAME_BYTES


@dataclass
class Carrier:
    """A server that keeps what it hears, echoes speech, and does what the keys say."""

    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    on_key: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What is sent when a key is pressed; "9" hangs up."""

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["event"] == event]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("X-Stranger"):
            raise web.HTTPForbidden
        self.headers = dict(request.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.messages.append(body := message.json())
                    await self._obey(socket, body)
        finally:
            self.ended.set()
        return socket

    async def _obey(self, socket: web.WebSocketResponse, body: dict[str, Any]) -> None:
        match body:
            case {"event": "media", "media": {"payload": payload}} if base64.b64decode(payload) != SILENCE:
                await socket.send_json({"event": "media", "streamSid": body["streamSid"], "media": body["media"]})
            case {"event": "dtmf", "dtmf": {"digit": "9"}}:
                await socket.close(code=1008, message=b"enough")
            case {"event": "dtmf", "dtmf": {"digit": digit}}:
                for answer in self.on_key[digit]:
                    await socket.send_json(answer)


def media(audio: bytes) -> dict[str, Any]:
    return {"event": "media", "media": {"payload": base64.b64encode(audio).decode()}}


def mark(name: str) -> dict[str, Any]:
    return {"event": "mark", "mark": {"name": name}}


@asynccontextmanager
async def carrier() -> AsyncIterator[Carrier]:
    peer = Carrier()
    app = web.Application()
    app.add_routes([web.get("/twilio/stream", peer.answer)])
    async with TestServer(app) as server:
        peer.url = str(server.make_url("/twilio/stream"))
        yield peer


def heard(record: CallRecord, name: str) -> Callable[[], bool]:
    return lambda: any(moment == Moment(moment.at_ms, "mark", name) for moment in record.timeline)


async def test_a_call_is_announced_as_twilio_does_and_ended_with_stop() -> None:
    async with carrier() as peer:
        sid = "CA" + "7" * 32
        async with dial(peer.url, call_sid=sid, parameters={"shop": "7"}, headers={"X-Twilio-Signature": "abc"}):
            pass
        await peer.ended.wait()
    assert [message["event"] for message in peer.messages[:2]] == ["connected", "start"]
    start = peer.messages[1]["start"]
    assert (start["callSid"], start["streamSid"]) == (sid, "MZ" + "7" * 32)
    assert start["customParameters"] == {"shop": "7"}
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert peer.messages[-1]["event"] == "stop"
    assert peer.headers["X-Twilio-Signature"] == "abc"


async def test_frames_follow_each_other_without_a_gap_in_number_or_time() -> None:
    async with carrier() as peer:
        async with dial(peer.url) as phone:
            await phone.say(LOUD * 3)
        await peer.ended.wait()
    frames = peer.of("media")
    assert [int(frame["media"]["timestamp"]) for frame in frames] == [20 * n for n in range(len(frames))]
    assert [int(frame["media"]["chunk"]) for frame in frames] == [n + 1 for n in range(len(frames))]
    numbers = [int(message["sequenceNumber"]) for message in peer.messages[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {len(base64.b64decode(frame["media"]["payload"])) for frame in frames} == {FRAME_BYTES}


async def test_what_is_said_comes_back_and_is_heard() -> None:
    async with carrier() as peer, dial(peer.url) as phone:
        said_ms = await phone.say(LOUD * 5)
        heard_ms = await phone.until_heard(after_ms=0)
        await phone.until_silent(for_ms=40)
        assert heard_ms < said_ms + 1000
        assert phone.record.bot.replace(b"\xff", b"") == LOUD * 5
        assert phone.record.caller.replace(b"\xff", b"") == LOUD * 5
        assert phone.record.count("speech-begins") == phone.record.count("speech-ends") == 1
        assert not phone.speaking


async def test_a_recording_that_is_no_whole_frame_is_filled_up_with_silence() -> None:
    async with carrier() as peer, dial(peer.url) as phone:
        await phone.say(LOUD[:100])
        await phone.until_heard(after_ms=0)
    loud = next(f for f in peer.of("media") if base64.b64decode(f["media"]["payload"]) != SILENCE)
    assert base64.b64decode(loud["media"]["payload"]) == LOUD[:100] + b"\xff" * 60


async def test_marks_are_echoed_when_the_caller_has_heard_what_was_before_them() -> None:
    async with carrier() as peer:
        peer.on_key["1"] = [media(LOUD * 5), mark("a"), media(LOUD), mark("b")]
        async with dial(peer.url) as phone:
            await phone.press("1")
            await phone.until(heard(phone.record, "b"))
            first = phone.record.first("audio-heard") or 0.0
            marks = {moment.detail: moment.at_ms for moment in phone.record.timeline if moment.what == "mark"}
            assert marks["b"] > marks["a"] > first
            assert phone.record.bot.replace(b"\xff", b"") == LOUD * 6
        await peer.ended.wait()
    assert [message["mark"]["name"] for message in peer.of("mark")] == ["a", "b"]


async def test_a_clear_silences_the_bot_and_echoes_its_marks_at_once() -> None:
    async with carrier() as peer:
        peer.on_key["1"] = [media(LOUD * 500), mark("a")]
        peer.on_key["2"] = [{"event": "clear"}]
        async with dial(peer.url) as phone:
            await phone.press("1")
            await phone.until_heard(after_ms=0)
            await phone.press("2")
            await phone.until(heard(phone.record, "a"))
            await phone.until(lambda: not phone.speaking)
            cleared = next(moment for moment in phone.record.timeline if moment.what == "clear")
            assert 5000 < int(cleared.detail) < 10_000
            assert len(phone.record.bot.replace(b"\xff", b"")) < 8000 * 5


async def test_a_stutter_of_the_bot_is_noted_as_a_gap() -> None:
    async with carrier() as peer:
        peer.on_key["1"] = [media(LOUD * 2)]
        async with dial(peer.url) as phone:
            await phone.press("1")
            await phone.until(lambda: phone.record.count("silence") == 1)
            assert phone.record.count("gap") == 0
            await phone.press("1")
            await phone.until(lambda: phone.record.count("gap") == 1)


async def test_a_pause_at_a_mark_is_no_stutter() -> None:
    async with carrier() as peer:
        peer.on_key["1"] = [media(LOUD * 2), {"event": "mark", "mark": {"name": "sentence"}}]
        async with dial(peer.url) as phone:
            for spoken in (1, 2):
                await phone.press("1")
                await phone.until(lambda spoken=spoken: phone.record.count("silence") == spoken)  # type: ignore[misc]
            assert phone.record.count("gap") == 0


async def test_what_a_clear_cut_off_is_no_stutter() -> None:
    async with carrier() as peer:
        peer.on_key["1"], peer.on_key["2"] = [media(LOUD * 50)], [{"event": "clear", "streamSid": "MZ"}]
        async with dial(peer.url) as phone:
            await phone.press("1")
            await phone.until(lambda: phone.speaking)
            await phone.press("2")
            await phone.until(lambda: phone.record.count("silence") == 1)
            await phone.press("1")
            await phone.until(lambda: phone.record.count("audio-heard") == 2)
            assert phone.record.count("gap") == 0


async def test_the_server_hanging_up_ends_what_is_being_said() -> None:
    async with carrier() as peer, dial(peer.url) as phone:
        saying = asyncio.create_task(phone.say(LOUD * 5000))
        await phone.until_heard(after_ms=0)
        await phone.press("9")
        async with asyncio.timeout(5):
            await phone.closed.wait()
            await saying
            await phone.say(LOUD)
        assert phone.record.close_code == 1008


async def test_waiting_for_what_does_not_happen_ends() -> None:
    async with carrier() as peer, dial(peer.url) as phone:
        with pytest.raises(TimeoutError):
            await phone.until_heard(after_ms=0, timeout_s=0.02)


async def test_a_server_that_refuses_or_is_not_there_says_so() -> None:
    async with carrier() as peer:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with dial(peer.url, headers={"X-Stranger": "1"}):
                pass
    with pytest.raises(aiohttp.ClientError):
        async with dial(peer.url):
            pass


# ---------------------------------------------------------------- bad lines


async def test_a_line_with_gaps_loses_frames_and_keeps_the_time() -> None:
    async with carrier() as peer:
        async with dial(peer.url, fault=Fault.GAPS) as phone:
            await phone.until(lambda: len(peer.of("media")) > 20)
        await peer.ended.wait()
    stamps = [int(frame["media"]["timestamp"]) for frame in peer.of("media")]
    assert 19 * 20 not in stamps
    assert {18 * 20, 20 * 20} <= set(stamps)
    numbers = [int(message["sequenceNumber"]) for message in peer.messages[1:]]
    assert set(range(1, numbers[-1])) - set(numbers), "the lost frame leaves a hole"


async def test_a_line_with_jitter_delivers_every_frame_in_order() -> None:
    async with carrier() as peer:
        async with dial(peer.url, fault=Fault.JITTER) as phone:
            await phone.until(lambda: len(peer.of("media")) >= 10)
        await peer.ended.wait()
    stamps = [int(frame["media"]["timestamp"]) for frame in peer.of("media")]
    assert stamps == [20 * n for n in range(len(stamps))]


async def test_an_abrupt_caller_is_gone_without_a_stop() -> None:
    async with carrier() as peer:
        async with dial(peer.url, fault=Fault.ABRUPT) as phone:
            await phone.say(LOUD * 6)
            await phone.closed.wait()
        await peer.ended.wait()
    assert peer.of("stop") == []
