"""The far side of one call on each wire: what a `SimulatedPhone` needs to call over it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import aiohttp
from ari_server import AriServer

from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.pbx_line import linear, mulaw
from bridge.commands.phone.pbx_lines import PBX_WIRES, asked_at, has_bot, path_of
from bridge.commands.phone.phone_line import Heard, Message, PhoneLine
from soaking.bots import uuid_of
from soaking.processor import ProcessorWatch
from telephony.audiosocket import Frames, frame
from telephony.events import AudioFormat, Encoding, Play
from telephony.rtp import Sender, parse

_MULAW: Final = AudioFormat(Encoding.MULAW, 8000)
_AUDIO: Final = 0x10
_HANGUP: Final = 0x00
_IDENTITY: Final = 0x01


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server can be called."""

    url: str
    """http://host:port"""
    audiosocket_port: int
    sip_port: int = 0
    exchange: "Exchange | None" = None
    processor: ProcessorWatch | None = None


SOCKETS: Final = tuple(PBX_WIRES)
"""The wires that are a WebSocket, beside those of carriers."""
WRITTEN_DOWN: Final = tuple(wire for wire in SOCKETS if not has_bot(wire))
"""Those without a bot: what is said is told to its client."""
NAMED_BY_US: Final = ("plain", "talk", "realtime")
"""Those on which the server names the call."""
CARRIERS: Final = tuple(name for name in CALLED_AS if name != "twilio")


class AudioSocketLine:
    """Asterisk's AudioSocket over TCP."""

    garbage: Message = frame(0x77, b"x")
    steady = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.close_code: int | None = None

    def media(self, mulaw: bytes, chunk: int) -> Message:
        return frame(_AUDIO, linear(mulaw))

    async def send(self, message: Message) -> None:
        self._writer.write(message if isinstance(message, bytes) else message.encode())
        await self._writer.drain()

    async def receive(self) -> AsyncIterator[Heard]:
        frames = Frames()
        try:
            while data := await self._reader.read(4096):
                for kind, payload in frames.feed(data):
                    if kind == _HANGUP:
                        return
                    yield Play(mulaw(payload))
        except ConnectionError:
            return

    async def played(self, mark: str) -> None:
        raise NotImplementedError("an AudioSocket has no marks")

    async def press(self, digit: str) -> None:
        raise NotImplementedError("the soak presses no keys")

    async def hang_up(self) -> None:
        await self.send(frame(_HANGUP))

    async def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()


class Exchange(AriServer, asyncio.DatagramProtocol):
    """An Asterisk that hands calls over ARI to the bridge; it has the audio of all of them on one UDP port."""

    def __init__(self, port: int) -> None:
        super().__init__(media=("127.0.0.1", port))
        self.port = port
        self.calls: dict[tuple[str, int], asyncio.Queue[bytes]] = {}
        """By where the bridge has the audio of a call."""
        self.transport: asyncio.DatagramTransport

    async def open(self) -> None:
        """Open the port of its audio."""
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if call := self.calls.get((addr[0], addr[1])):
            call.put_nowait(data)

    async def place(self, ident: str) -> "AriLine":
        """Hand a call over; return it once its audio flows."""
        await self.enter(ident)
        await self.until(lambda: self._joined(ident))
        media = self._joined(ident).partition(",")[2]
        asked = next(p for _, path, p in reversed(self.asked) if p.get("channelId") == media)
        host, _, port = asked["external_host"].rpartition(":")
        return AriLine(self, ident, (host, int(port)))

    def _joined(self, ident: str) -> str:
        """Return what was joined: the channel of a call and that of its audio; "" while they are not."""
        pairs = (parameters.get("channel", "") for _, path, parameters in reversed(self.asked) if "addChannel" in path)
        return next((pair for pair in pairs if pair.startswith(f"{ident},")), "")


class AriLine:
    """One call over ARI: RTP with mu-law."""

    garbage: Message = b"\x00 no RTP"
    steady = True

    def __init__(self, exchange: Exchange, ident: str, theirs: tuple[str, int]) -> None:
        self._exchange, self._ident, self._theirs = exchange, ident, theirs
        self._packets = exchange.calls[theirs] = asyncio.Queue[bytes]()
        dice = random.Random(ident)
        self._sender = Sender(
            _MULAW, 0, ssrc=dice.getrandbits(32), sequence=dice.getrandbits(16), timestamp=dice.getrandbits(32)
        )
        self.close_code: int | None = None

    def media(self, frame: bytes, chunk: int) -> Message:
        return self._sender.packet(frame)

    async def send(self, message: Message) -> None:
        self._exchange.transport.sendto(message if isinstance(message, bytes) else message.encode(), self._theirs)

    async def receive(self) -> AsyncIterator[Heard]:
        while packet := await self._packets.get():
            yield Play(parse(packet).payload)

    async def played(self, mark: str) -> None:
        raise NotImplementedError("RTP has no marks")

    async def press(self, digit: str) -> None:
        raise NotImplementedError("the soak presses no keys")

    async def hang_up(self) -> None:
        await self._exchange.leave(self._ident)

    async def close(self) -> None:
        self._exchange.calls.pop(self._theirs, None)
        self._packets.put_nowait(b"")

    def abort(self) -> None:
        raise NotImplementedError("RTP has no connection")


@asynccontextmanager
async def open_line(wire: str, place: Place, ident: str) -> AsyncIterator[PhoneLine]:
    """Call over `wire` and announce the call as `ident`; close the connection at the end.

    Raises:
        aiohttp.ClientError, OSError: the server is not there, or refuses the call.
    """
    if wire == "audiosocket":
        reader, writer = await asyncio.open_connection("127.0.0.1", place.audiosocket_port)
        tcp = AudioSocketLine(reader, writer)
        await tcp.send(frame(_IDENTITY, UUID(int=uuid_of(ident)).bytes))
        yield tcp
        return
    if wire == "ari":
        assert place.exchange
        yield await place.exchange.place(ident)
        return
    known = PBX_WIRES.get(wire)
    url, protocols = asked_at(place.url + path_of(wire), wire), known.subprotocols if known else ()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            url,
            headers=CALLED_AS[wire].headers(ident) if known is None else None,
            protocols=protocols,
            compress=0,
            max_msg_size=1 << 24,
        ) as socket,
    ):
        if known is None:
            carrier = CALLED_AS[wire].line(socket, call_sid=ident)
            await carrier.begin({})
            yield carrier
        else:
            line = known.line(socket, ident)
            await line.begin()
            yield line
