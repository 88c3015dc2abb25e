"""What the far side of a client's wire says is what our own side of it understands, and the other way round."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any, cast
from urllib.parse import parse_qsl

import aiohttp

from bridge.commands.phone.client_lines import DeepgramLine, RealtimeLine
from telephony.bot_requests import Truncated
from telephony.deepgram import DeepgramProtocol
from telephony.deepgram_query import listen_options
from telephony.events import (
    AudioFormat,
    CallEnded,
    CallStarted,
    Clear,
    Encoding,
    Event,
    Malformed,
    Mark,
    Media,
    Play,
    Reply,
    ReplyOver,
    SpeechStarted,
    Transcript,
)
from telephony.realtime import RealtimeProtocol

FRAME = b"\x10" * 160
MULAW = AudioFormat(Encoding.MULAW, 8000)
SECOND = FRAME * 50


class Socket:
    """Keeps what is sent, and has what is `coming`."""

    close_code = 1000

    def __init__(self, *coming: str | bytes) -> None:
        self.sent: list[str | bytes] = []
        self.coming = list(coming)

    async def send_str(self, message: str) -> None:
        self.sent.append(message)

    async def send_bytes(self, message: bytes) -> None:
        self.sent.append(message)

    async def send_json(self, message: object) -> None:
        self.sent.append(json.dumps(message))

    async def receive_json(self) -> object:
        return json.loads(self.coming.pop(0))

    async def __aiter__(self) -> AsyncIterator[Any]:
        for data in self.coming:
            yield aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, data, None)


def deepgram() -> tuple[DeepgramLine, Socket, DeepgramProtocol]:
    socket = Socket()
    options = listen_options(parse_qsl(DeepgramLine.query), language_of=str)
    return DeepgramLine(cast(aiohttp.ClientWebSocketResponse, socket), "x"), socket, DeepgramProtocol("id", options)


async def test_a_caller_over_deepgrams_wire_is_told_partials_and_finals_and_closes_the_stream() -> None:
    line, socket, protocol = deepgram()
    await line.begin()
    await line.send(line.media(FRAME, 1))
    [started, media] = [event for message in socket.sent for event in protocol.receive(message)]
    assert isinstance(started, CallStarted) and (started.format, media) == (MULAW, Media(FRAME, 0))
    for final in (False, True):
        socket.coming += protocol.send(Transcript("hello", "English", final, 0.0))
    heard = [event async for event in line.receive()]
    assert heard == [Transcript("hello", "", False, 0.0), Transcript("hello", "", True, 0.0)]
    await line.hang_up()
    assert any(isinstance(event, CallEnded) for event in protocol.receive(socket.sent[-1]))


class Session:
    """A caller over OpenAI's wire, and the server's side of the same session."""

    def __init__(self) -> None:
        self.protocol = RealtimeProtocol("abc")
        self.socket = Socket(*self.protocol.open())
        self.line = RealtimeLine(cast(aiohttp.ClientWebSocketResponse, self.socket), "x")
        self._taken = 0

    def events(self) -> list[Event]:
        """Return what the server makes of what was sent since."""
        messages, self._taken = self.socket.sent[self._taken :], len(self.socket.sent)
        return [event for message in messages for event in self.protocol.receive(message)]

    async def heard(self) -> list[object]:
        """Return what the caller makes of what has come."""
        heard: list[object] = [event async for event in self.line.receive()]
        self.socket.coming.clear()
        return heard

    async def begin(self) -> None:
        await self.line.begin()
        await self.line.send(self.line.media(FRAME, 1))


async def test_a_caller_over_openais_wire_begins_a_conversation_in_mulaw_that_the_server_names() -> None:
    session = Session()
    await session.begin()
    assert session.line.ident == "abc"
    events = session.events()
    assert not any(isinstance(event, Malformed) for event in events)
    [started] = [event for event in events if isinstance(event, CallStarted)]
    assert (started.call_id, started.format) == ("abc", MULAW)
    assert Media(FRAME, 0) in events


async def test_what_the_bot_says_is_heard_and_ends_with_a_mark() -> None:
    session = Session()
    await session.begin()
    session.events()
    for command in (Reply("Hello."), Play(SECOND), ReplyOver(cut=False)):
        session.socket.coming += session.protocol.send(command)
    heard = await session.heard()
    assert b"".join(each.payload for each in heard if isinstance(each, Play)) == SECOND
    assert [type(each) for each in heard if not isinstance(each, Play)] == [Mark]


async def test_words_of_the_caller_grow_and_are_final() -> None:
    session = Session()
    await session.begin()
    session.events()
    session.socket.coming += session.protocol.send(SpeechStarted(0))
    for text, final in (("hello", False), ("hello there", False), ("Hello there.", True)):
        session.socket.coming += session.protocol.send(Transcript(text, "English", final, 0.0))
    told = [each for each in await session.heard() if isinstance(each, Transcript)]
    assert told[-1] == Transcript("Hello there.", "", True, 0.0)
    assert [each.final for each in told].count(True) == 1
    shown = [each.text for each in told[:-1]]
    assert shown and all(after.startswith(before) for before, after in pairwise(shown))


async def test_a_caller_who_interrupts_throws_away_the_rest_and_says_how_much_was_heard() -> None:
    session = Session()
    await session.begin()
    session.events()
    for command in (Reply("One two three four."), Play(SECOND * 2)):
        session.socket.coming += session.protocol.send(command)
    await session.heard()
    for chunk in range(2, 52):
        await session.line.send(session.line.media(FRAME, chunk))
    session.events()
    session.socket.coming += session.protocol.send(SpeechStarted(1000))
    session.socket.coming += session.protocol.send(Clear())
    assert any(isinstance(each, Clear) for each in await session.heard())
    assert [event.heard for event in session.events() if isinstance(event, Truncated)] == ["One two"]


async def test_speech_while_the_bot_says_nothing_clears_nothing() -> None:
    session = Session()
    await session.begin()
    session.events()
    session.socket.coming += session.protocol.send(SpeechStarted(0))
    assert not any(isinstance(each, Clear) for each in await session.heard())
    assert not any(isinstance(event, Truncated) for event in session.events())
