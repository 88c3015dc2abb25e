"""What the lines of PBXs and of clients share: a WebSocket, most with 16-bit audio in binary messages."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import aiohttp

from bridge.commands.phone.phone_line import Heard, Message
from bridge.commands.phone.socket_line import PhoneSocket
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


class PbxLine(PhoneSocket):
    """A WebSocket with signed 16 bit at 8 kHz in binary messages. `told` says what its texts mean."""

    garbage: Message = "{"

    def __init__(self, wire: aiohttp.ClientWebSocketResponse, ident: str) -> None:
        super().__init__(wire)
        self.ident = ident

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

    async def receive(self) -> AsyncIterator[Heard]:
        """See PhoneLine."""
        async with aclosing(self.messages()) as messages:
            async for message in messages:
                if isinstance(message, bytes):
                    yield self.heard(message)
                    continue
                for told in self.told(message):
                    yield told

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
