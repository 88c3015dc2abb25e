"""What the simulated phone's lines over a WebSocket share."""

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Protocol

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message, PhoneLine
from bridge.speech.resample import make_resampler
from telephony.codec import decode, encode
from telephony.events import Encoding, Play


class MakesLine(Protocol):
    """The class of a line."""

    def __call__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> "CallingLine":
        """Return a line over `wire`; `call_sid`: the id of its call."""


class CallingLine(PhoneLine, Protocol):
    """A line on which a call can be announced."""

    async def begin(self, parameters: Mapping[str, str]) -> None:
        """Announce the call. `parameters`: what the carrier tells of it."""


class PhoneSocket:
    """The WebSocket of a line."""

    steady = False

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = wire
        self.close_code: int | None = None

    async def send(self, message: Message) -> None:
        """See PhoneLine."""
        await (self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def messages(self) -> AsyncGenerator[Message, None]:
        """Yield what the server sends, until it hangs up or the connection breaks."""
        async for message in self.socket:
            yield message.data
        self.close_code = self.socket.close_code

    async def close(self) -> None:
        """See PhoneLine."""
        await self.socket.close()

    def abort(self) -> None:
        """See PhoneLine."""
        if (connection := self.socket.get_extra_info("socket")) is not None:
            connection.shutdown(socket.SHUT_RDWR)


class SocketLine(PhoneSocket):
    """What the lines of carriers share."""

    garbage: Message = '{"event": "media", "media": {"payload": "%%%"}}'

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        super().__init__(wire)
        self.call_sid = call_sid
        self._sequence = 0

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async with aclosing(self.messages()) as messages:
            async for message in messages:
                heard = self.heard(message)
                if heard is not None:
                    yield heard

    def heard(self, message: Message) -> Heard | None:
        """Return what a message of the server means, None for nothing."""
        raise NotImplementedError

    async def played(self, mark: str) -> None:
        """Tell nothing where the wire has no marks."""

    def next_number(self) -> str:
        """Return the number of the next message, as text."""
        self._sequence += 1
        return str(self._sequence)


class WidebandLine(SocketLine):
    """What lines share that carry 16 bit at 16 kHz."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        super().__init__(wire, call_sid=call_sid)
        self._up, self._down = make_resampler(8000, 16_000), make_resampler(16_000, 8000)

    def widened(self, frame: bytes) -> bytes:
        """Return a frame of the phone as the wire carries it."""
        return encode(self._up(decode(frame, Encoding.MULAW)), Encoding.L16)

    def narrowed(self, payload: bytes) -> Play:
        """Return audio of the server as the phone hears it."""
        return Play(encode(self._down(decode(payload, Encoding.L16)), Encoding.MULAW))
