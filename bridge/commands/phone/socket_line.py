"""What the simulated phone's lines over a WebSocket share."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message, PhoneLine, break_off
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


class SocketLine:
    """What lines over a WebSocket share."""

    garbage: Message = '{"event": "media", "media": {"payload": "%%%"}}'
    steady = False

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, *, call_sid: str) -> None:
        self.socket, self.call_sid = wire, call_sid
        self.close_code: int | None = None
        self._sequence = 0

    async def send(self, message: Message) -> None:
        """See PhoneLine."""
        await (self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async for message in self.socket:
            heard = self.heard(message.data)
            if heard is not None:
                yield heard
        self.close_code = self.socket.close_code

    def heard(self, message: Message) -> Heard | None:
        """Return what a message of the server means, None for nothing."""
        raise NotImplementedError

    async def close(self) -> None:
        """See PhoneLine."""
        await self.socket.close()

    def abort(self) -> None:
        """See PhoneLine."""
        break_off(self.socket.get_extra_info("socket"))

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
