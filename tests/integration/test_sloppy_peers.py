"""Peers that speak in another order than their documents say, or write in another way: real speech is understood.

One server with the real models. Each peer sends as such peers do, a packet each 20 ms, until it was understood.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import chain
from textwrap import wrap
from typing import Final
from uuid import uuid4

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from integration.recordings import normal, prompt, word_error_rate
from integration.server import Server, serve
from integration.sip_peers import free_port
from wires import b64

from bridge.speech.api import Samples
from telephony.audiosocket import frame
from telephony.codec import encode
from telephony.events import Encoding

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME: Final = "conf-waitforleader"
SILENT_S: Final = 2.5
Message = str | bytes | None
"""None: 20 ms in which the peer sends nothing."""


class Place:
    def __init__(self, server: Server, audiosocket_port: int) -> None:
        self.server, self.audiosocket_port = server, audiosocket_port

    async def understood(self, call_id: str) -> float:
        """Wait until the server has understood what was said; return its word error rate."""
        text = prompt(NAME).text
        async with asyncio.timeout(20):
            while len(normal(said := self._said(call_id)).split()) < len(normal(text).split()) - 1:
                self.server.more.clear()
                await self.server.more.wait()
        return word_error_rate([text], [said])

    def _said(self, call_id: str) -> str:
        lines = [line for line in self.server.output if f"[{call_id}]" in line]
        return " ".join(match[2] for line in lines if (match := re.search(r"caller said: (['\"])(.*)\1", line)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place() -> AsyncIterator[Place]:
    port = free_port()
    flags = ("--log-level", "DEBUG", "--no-input-timeout", "0", "--audiosocket-port", str(port))
    async with serve(*flags) as server:
        yield Place(server, port)


def pieces(samples: Samples, rate: int, encoding: Encoding, *, ms: int = 20) -> list[bytes]:
    """Return the prompt and silence behind it, in pieces of `ms`."""
    whole = encode(np.concatenate((samples, np.zeros(int(SILENT_S * rate), np.float32))), encoding)
    step = rate * ms // 1000 * encoding.sample_bytes
    return [whole[at : at + step] for at in range(0, len(whole) - step, step)]


async def in_time(messages: Sequence[Message], send: Callable[[str | bytes], object]) -> None:
    clock = asyncio.get_running_loop().time
    begun_s = clock()
    for number, message in enumerate(messages):
        await asyncio.sleep(begun_s + number * 0.02 - clock())
        if message is not None:
            result = send(message)
            if asyncio.iscoroutine(result):
                await result


async def websocket(place: Place, path: str, messages: Sequence[Message], *, protocols: Sequence[str] = ()) -> None:
    """Send `messages`, one each 20 ms, and hang up; what is heard meanwhile is not kept."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(place.server.http + path, protocols=protocols) as socket,
    ):
        ears = asyncio.create_task(_until_closed(socket))

        def send(message: str | bytes) -> object:
            return socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message)

        await in_time(messages, send)
        assert not ears.done(), f"the server hung up: {socket.close_code}"
        ears.cancel()


async def _until_closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


def start(call_id: str, **more: object) -> str:
    about = {"callSid": call_id, "streamSid": "MZ1", "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}}
    return json.dumps({"event": "start", "streamSid": "MZ1", "start": {**about, **more}})


def media(number: int, payload: str, **more: object) -> str:
    about = {"track": "inbound", "chunk": str(number), "timestamp": str(number * 20), "payload": payload}
    return json.dumps({"event": "media", "streamSid": "MZ1", "media": {**about, **more}})


def lines(payload: bytes) -> str:
    return "\r\n".join(wrap(b64(payload), 76)) + "\r\n"


def twilio_lines(speech: list[bytes]) -> Iterator[Message]:
    yield start("CA-lines", customParameters={"agent_id": 7, "vip": None})
    for number, piece in enumerate(speech, 1):
        yield media(number, lines(piece) if number % 2 else b64(piece).rstrip("="))


def twilio_late_start(speech: list[bytes]) -> Iterator[Message]:
    packets = [media(number, b64(piece)) for number, piece in enumerate(speech, 1)]
    yield from packets[:100]
    yield start("CA-late")
    yield from packets[100:]


def twilio_one_bad_in_three(speech: list[bytes]) -> Iterator[Message]:
    """Twice as many bad messages as a call may send in a row."""
    yield start("CA-bad")
    for number, piece in enumerate(speech, 1):
        yield media(number, b64(piece), track="inbound_track")
        if number % 2:
            yield media(number, "$$$")


async def test_twilio_in_another_order_or_form(place: Place) -> None:
    speech = pieces(prompt(NAME).audio, 8000, Encoding.MULAW)
    peers = {"CA-lines": twilio_lines, "CA-late": twilio_late_start, "CA-bad": twilio_one_bad_in_three}
    calls = (websocket(place, "/twilio/stream", list(peer(speech))) for peer in peers.values())
    await asyncio.gather(*calls, *(understood(place, call_id) for call_id in peers))


async def understood(place: Place, call_id: str) -> None:
    assert await place.understood(call_id) <= 0.25, place._said(call_id)


async def test_chan_websocket_with_audio_before_its_start(place: Place) -> None:
    speech = pieces(prompt(NAME).audio, 8000, Encoding.MULAW)
    begin = "MEDIA_START connection_id:c1 channel:WebSocket/x channel_id:ch-early format:ulaw optimal_frame_size:160"
    messages: list[Message] = [*speech[:30], "STATUS channel_id:ch-early", begin, *speech[30:]]
    calling = websocket(place, "/asterisk/media", messages, protocols=["media"])
    await asyncio.gather(calling, understood(place, "ch-early"))


async def test_metadata_300_ms_behind_the_first_audio(place: Place) -> None:
    speech = pieces(prompt(NAME).wide, 16_000, Encoding.L16)

    async def call(path: str) -> None:
        tell = json.dumps({"sampleRate": "16000", "uuid": f"late{path}", "from": "+4930123"})
        messages: list[Message] = [*[bytes(640)] * 15, tell, *speech]
        await asyncio.gather(websocket(place, path, messages), understood(place, f"late{path}"))

    await asyncio.gather(call("/audiostream"), call("/jambonz"))


async def test_metadata_two_seconds_behind_the_first_audio(place: Place) -> None:
    """In pieces of 10 ms its 16 kHz pass for 8 kHz, until it is told: the call goes on with what it took it for."""
    known = len(place.server.output)
    speech = pieces(prompt(NAME).wide, 16_000, Encoding.L16)
    messages: list[Message] = [*[bytes(320)] * 200, json.dumps({"sampleRate": 16_000}), *speech]
    calling = asyncio.create_task(websocket(place, "/jambonz", messages))
    await asyncio.gather(calling, understood(place, await named(place, "over jambonz", since=known)))
    assert any("the rate is 16000 Hz; guessed were 8000 Hz" in line for line in place.server.output[known:])


async def named(place: Place, what: str, *, since: int) -> str:
    """Return the id of the call that began last on a wire."""
    async with asyncio.timeout(10):
        while True:
            for line in place.server.output[since:]:
                if "call from" in line and what in line and (match := re.search(r"\[(.*?)\]", line)):
                    return match[1]
            place.server.more.clear()
            await place.server.more.wait()


async def test_without_any_metadata_the_rate_is_that_of_the_packets_and_the_log_says_so(place: Place) -> None:
    known = len(place.server.output)
    speech = pieces(prompt(NAME).wide, 16_000, Encoding.L16)
    calling = asyncio.create_task(websocket(place, "/audiostream", speech))
    await asyncio.gather(calling, understood(place, await named(place, "over audiostream", since=known)))
    assert any("no metadata tell the sample rate: 16000 Hz" in line for line in place.server.output[known:])


async def test_audiosocket_with_silence_empty_odd_and_error_frames(place: Place) -> None:
    call = uuid4()
    speech = pieces(prompt(NAME).audio, 8000, Encoding.L16)
    odd = [piece + b"\1" if number % 7 == 0 else piece for number, piece in enumerate(speech)]
    sent = chain.from_iterable((frame(0x10, piece), frame(0x10)) for piece in odd)
    messages = [frame(0x01, call.bytes), *[frame(0x02)] * 150, frame(0xFF, b"\2"), *sent]
    reader, writer = await asyncio.open_connection("127.0.0.1", place.audiosocket_port)
    ears = asyncio.create_task(reader.read(-1))
    calling = asyncio.create_task(in_time([b"".join(pair) for pair in in_pairs(messages)], over(writer)))
    try:
        await understood(place, str(call))
        assert any("error 02: a frame could not be forwarded" in line for line in place.server.output)
        assert not ears.done(), "the server hung up"
    finally:
        calling.cancel()
        writer.close()
        await asyncio.gather(ears, calling, return_exceptions=True)


def over(writer: asyncio.StreamWriter) -> Callable[[str | bytes], None]:
    def send(message: str | bytes) -> None:
        assert isinstance(message, bytes)
        writer.write(message)

    return send


def in_pairs(frames: list[bytes]) -> Iterator[list[bytes]]:
    """Yield what is sent in the same 20 ms: an empty frame behind each with audio."""
    pair: list[bytes] = []
    for one in frames:
        pair.append(one)
        if one[:1] != b"\x10" or len(one) == 3:
            yield pair
            pair = []


async def test_audiosocket_that_begins_quietly_and_has_another_rate(place: Place) -> None:
    call = uuid4()
    messages: list[Message] = [frame(0x01, call.bytes), *[None] * 30]
    messages += [frame(0x12, piece) for piece in pieces(prompt(NAME).wide, 16_000, Encoding.L16)]
    reader, writer = await asyncio.open_connection("127.0.0.1", place.audiosocket_port)
    ears = asyncio.create_task(reader.read(-1))
    calling = asyncio.create_task(in_time(messages, over(writer)))
    try:
        await understood(place, str(call))
        assert any("say --audiosocket-rate 16000" in line for line in place.server.output)
    finally:
        calling.cancel()
        writer.close()
        await asyncio.gather(ears, calling, return_exceptions=True)
