"""What the lines of PBXs and of clients share: a WebSocket, most with 16-bit audio in binary messages."""

from collections.abc import AsyncIterator, Sequence

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message, break_off
from telephony.codec import decode, encode
from telephony.events import Encoding, Play


class NoKeys(Exception):
    """The wire has no keys. The text names it, and one that has."""


def linear(mulaw: bytes) -> bytes:
    """Return mu-law as signed 16 bit."""
    return encode(decode(mulaw, Encoding.MULAW), Encoding.L16)


def mulaw(audio: bytes) -> bytes:
    """Return signed 16 bit as mu-law."""
    return encode(decode(audio, Encoding.L16), Encoding.MULAW)


class PbxLine:
    """A WebSocket with signed 16 bit at 8 kHz in binary messages. `told` says what its texts mean."""

    garbage: Message = "{"
    steady = False

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, ident: str) -> None:
        self.socket, self.ident = wire, ident
        self.close_code: int | None = None

    async def begin(self) -> None:
        """Announce the call; `ident` is what the server calls it from then on."""

    def told(self, message: str) -> Sequence[Heard]:
        """Return what a text of the server means to a phone."""
        return ()

    def media(self, frame: bytes, chunk: int) -> Message:
        """See PhoneLine."""
        return linear(frame)

    def heard(self, payload: bytes) -> Play:
        """Return what `payload`, audio of the server, is to a phone."""
        return Play(mulaw(payload))

    async def send(self, message: Message) -> None:
        """See PhoneLine."""
        await (self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async for message in self.socket:
            if isinstance(message.data, bytes):
                yield self.heard(message.data)
                continue
            for told in self.told(message.data):
                yield told
        self.close_code = self.socket.close_code

    async def played(self, mark: str) -> None:
        """Tell nothing where the wire has no marks."""

    async def press(self, digit: str) -> None:
        """See PhoneLine.

        Raises:
            NoKeys: the wire has none.
        """
        raise NoKeys(f"{type(self).__name__}: this wire has no keys; twilio, asterisk and jambonz have")

    async def hang_up(self) -> None:
        """The end of the socket is the end of the call."""

    async def close(self) -> None:
        """See PhoneLine."""
        await self.socket.close()

    def abort(self) -> None:
        """See PhoneLine."""
        break_off(self.socket.get_extra_info("socket"))
