"""The far side of a call on each wire that the server opens, over a real socket: packets out, audio back."""

import asyncio
import base64
import json
import socket
from typing import Final, Protocol
from uuid import uuid4

import aiohttp
import numpy as np
import numpy.typing as npt
from wires import KNOWN, QUERY, TRAFFIC, b64, text

from telephony.audiosocket import frame
from telephony.codec import decode, encode
from telephony.events import AudioFormat, Encoding

PHONES: Final = [wire for wire in KNOWN if wire.capabilities.audio_out]
NAMES: Final = [*(wire.name for wire in PHONES), "audiosocket"]
WRITTEN_DOWN: Final = ("plain", "deepgram")
"""Wires without a voice whose client is told what was said."""
_MULAW: Final = AudioFormat(Encoding.MULAW, 8000)
_L16: Final = AudioFormat(Encoding.L16, 8000)
_OF_MULAW: Final = ("twilio", "telnyx", "plivo", "vobiz", "signalwire", "2600hz", "genesys", "asterisk")
_FORMATS: Final = dict.fromkeys(_OF_MULAW, _MULAW)
_IN_JSON: Final = {"twilio", "telnyx", "plivo", "vobiz", "signalwire", "2600hz", "exotel"}

Tone = npt.NDArray[np.float32]
"""20 ms at 8 kHz, shape (160,)."""
SILENCE: Final[Tone] = np.zeros(160, np.float32)
TONE: Final[Tone] = (0.5 * np.sin(np.arange(160) * 0.3)).astype(np.float32)


class Peer(Protocol):
    """The far side of one call."""

    async def send(self, message: str | bytes) -> None:
        """Send what `packet` made, or anything else."""

    async def listen(self) -> Tone:
        """Return the next audio of the bridge, of any length; TONE for a final transcript on a wire without a voice.

        Raises:
            ConnectionError: the call is over.
        """

    def abort(self) -> None:
        """Drop the connection without a word."""

    async def close(self) -> None:
        """End the connection."""


def packet(name: str, number: int, tone: Tone = SILENCE) -> str | bytes:
    """Return 20 ms of audio on the wire of that name; packets have a `number` from 1 on where the wire counts them."""
    payload = encode(tone, _FORMATS.get(name, _L16).encoding)
    if name == "audiosocket":
        return frame(0x10, payload)
    if name == "realtime":
        wide = encode(np.repeat(tone, 3), Encoding.L16)  # 24 kHz
        return text(type="input_audio_buffer.append", audio=b64(wide))
    if name == "azure":
        return text(kind="AudioData", audioData={"data": b64(encode(np.repeat(tone, 2), Encoding.L16))})  # 16 kHz
    if name == "deepgram":
        return encode(np.repeat(tone, 2), Encoding.L16)  # 16 kHz, as its query says
    if name == "audiocodes":
        return text(type="userStream.chunk", conversationId="C1", audioChunk=b64(payload))
    if name in _IN_JSON:
        media = {"track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": b64(payload)}
        return text(event="media", media=media)
    return payload


async def connect(name: str, *, url: str, session: aiohttp.ClientSession, audiosocket_port: int) -> Peer:
    """Return a peer that has said what begins a call."""
    if name == "audiosocket":
        tcp = TcpPeer(*await asyncio.open_connection("127.0.0.1", audiosocket_port))
        await tcp.send(frame(1, uuid4().bytes))
        return tcp
    wire = next(wire for wire in KNOWN if wire.name == name)
    address = url + wire.address + QUERY.get(name, "")
    peer = WebSocketPeer(name, await session.ws_connect(address, protocols=wire.subprotocols))
    for message in TRAFFIC[name].begin:
        await peer.send(message)
    return peer


class WebSocketPeer:
    def __init__(self, name: str, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._encoding, self._ws = _FORMATS.get(name, _L16).encoding, ws
        self._written_down = name in WRITTEN_DOWN
        self._every = {"realtime": 3, "azure": 2}.get(name, 1)  # samples: they speak at 24 and 16 kHz

    async def send(self, message: str | bytes) -> None:
        await (self._ws.send_str(message) if isinstance(message, str) else self._ws.send_bytes(message))

    async def listen(self) -> Tone:
        async for message in self._ws:
            if payload := message.data if message.type is aiohttp.WSMsgType.BINARY else _spoken(message.data):
                return decode(payload, self._encoding)[:: self._every]
            if self._written_down and json.loads(message.data)["type"] in {"final", "Results"}:
                return TONE
        raise ConnectionError("the call is over")

    def abort(self) -> None:
        self._ws.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        await self._ws.close()


class TcpPeer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, message: str | bytes) -> None:
        self._writer.write(message if isinstance(message, bytes) else message.encode())
        await self._writer.drain()

    async def listen(self) -> Tone:
        try:
            head = await self._reader.readexactly(3)
            return decode(await self._reader.readexactly(int.from_bytes(head[1:], "big")), Encoding.L16)
        except asyncio.IncompleteReadError:
            raise ConnectionError("the call is over") from None

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def _spoken(message: str) -> bytes:
    """Return the audio in a text message of the bridge, b"" where there is none."""
    if not message.startswith("{"):  # Asterisk's plain commands
        return b""
    fields = json.loads(message)
    payload = (fields.get("media") or {}).get("payload") or (fields.get("data") or {}).get("audioData")
    payload = payload or fields.get("audioChunk") or (fields.get("AudioData") or {}).get("Data") or ""
    if fields.get("type") == "response.output_audio.delta":
        payload = fields["delta"]
    return b"" if not payload else base64.b64decode(payload)
