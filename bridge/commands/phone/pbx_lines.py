"""The far side of one call on the wires of PBXs and of /talk: WebSockets, most with 16-bit audio."""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from bridge.commands.phone.carrier_lines import CALLED_AS
from bridge.commands.phone.phone_line import Heard, Message, break_off
from telephony.codec import decode, encode
from telephony.events import Clear, Encoding, Mark, Play, Transcript


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


class ClientLine(PbxLine):
    """`/ws` and `/talk`. The server names the session: `ident` is its name once the call has begun."""

    async def begin(self) -> None:
        """See PbxLine."""
        self.ident = str((await self.socket.receive_json())["session_id"])
        await self.socket.send_json({"type": "config", "sample_rate": 8000, "encoding": "int16"})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "mark", "name": name}:
                return [Mark(name)]
            case {"type": "clear"}:
                return [Clear()]
            case {"type": "final", "text": text}:
                return [Transcript(text, "", True, 0.0)]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"type": "mark", "name": mark})


class AsteriskLine(PbxLine):
    """chan_websocket, with mu-law and plain commands."""

    garbage: Message = "DTMF_END digit:%"

    async def begin(self) -> None:
        """See PbxLine."""
        start = f"connection_id:{self.ident} channel:WebSocket/{self.ident} channel_id:{self.ident}"
        await self.socket.send_str(f"MEDIA_START {start} format:ulaw optimal_frame_size:160")

    def media(self, frame: bytes, chunk: int) -> Message:
        """See PhoneLine."""
        return frame

    def heard(self, payload: bytes) -> Play:
        """See PbxLine."""
        return Play(payload)

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        command, _, about = message.partition(" ")
        match command:
            case "MARK_MEDIA":
                return [Mark(about)]
            case "FLUSH_MEDIA":
                return [Clear()]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_str(f"MEDIA_MARK_PROCESSED {mark}")

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.socket.send_str(f"DTMF_END digit:{digit}")


class JambonzLine(PbxLine):
    """jambonz `listen`."""

    async def begin(self) -> None:
        """See PbxLine."""
        await self.socket.send_json({"callSid": self.ident, "sampleRate": 8000, "mixType": "mono"})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "mark", "data": {"name": name}}:
                return [Mark(name)]
            case {"type": "killAudio"}:
                return [Clear()]
        return ()

    async def played(self, mark: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"type": "mark", "data": {"name": mark, "event": "playout"}})

    async def press(self, digit: str) -> None:
        """See PhoneLine."""
        await self.socket.send_json({"event": "dtmf", "dtmf": digit})


class AudioStreamLine(PbxLine):
    """mod_audio_stream."""

    async def begin(self) -> None:
        """See PbxLine."""
        await self.socket.send_json({"uuid": self.ident, "sampleRate": 8000})

    def told(self, message: str) -> Sequence[Heard]:
        """See PbxLine."""
        match json.loads(message):
            case {"type": "streamAudio", "data": {"audioData": audio}}:
                return [self.heard(base64.b64decode(audio))]
        return ()


@dataclass(frozen=True, slots=True)
class PbxWire:
    """How a wire is reached, and what speaks it."""

    path: str
    subprotocols: tuple[str, ...]
    line: type[PbxLine]
    has_keys: bool


PBX_WIRES: Final[Mapping[str, PbxWire]] = {
    "talk": PbxWire("/talk", (), ClientLine, has_keys=False),
    "asterisk": PbxWire("/asterisk/media", ("media",), AsteriskLine, has_keys=True),
    "jambonz": PbxWire("/jambonz", ("audio.jambonz.org",), JambonzLine, has_keys=True),
    "audiostream": PbxWire("/audiostream", (), AudioStreamLine, has_keys=False),
}
"""By the names of telephony/wires.py."""


def path_of(wire: str) -> str:
    """Return where a server answers `wire`, one of `PBX_WIRES` or `CALLED_AS`."""
    return PBX_WIRES[wire].path if wire in PBX_WIRES else CALLED_AS[wire].path
